package io.github.eqvae.data;

import java.util.Locale;

/** Key and ending of a file's name in an archive, as webdataset splits it. */
record ArchiveMember(String key, String ending) {
  static ArchiveMember of(String name) {
    int slash = name.lastIndexOf('/') + 1;
    int dot = name.indexOf('.', slash);
    return dot < 0
        ? new ArchiveMember(name, "")
        : new ArchiveMember(
            name.substring(0, dot),
            name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
  }

  /** Whether webdataset ignores the file: hidden files, and metadata such as {@code __x__}. */
  static boolean isHidden(String name) {
    return name.startsWith(".", name.lastIndexOf('/') + 1) || name.matches("(?s)__[^/]*__(/.*)?");
  }
}
