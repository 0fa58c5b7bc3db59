package io.github.eqvae.data;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.TarFile;
import java.nio.file.Path;
import java.util.Locale;

/** Counts what is left out because its name begins with a dot, so that it is said. */
final class HiddenFiles {
  private long files;
  private String firstFile = "";
  private long folders;
  private String firstFolder = "";

  /** Takes a hidden file; one that is neither a picture nor an archive by its name is nothing. */
  void file(String name) {
    if (!ImageFormat.isPictureName(name) && !TarFile.isArchiveName(Path.of(name))) {
      return;
    }
    if (files++ == 0) {
      firstFile = name;
    }
  }

  /** Takes a hidden folder, whatever is in it. */
  void folder(String name) {
    if (folders++ == 0) {
      firstFolder = name;
    }
  }

  /** Says how many there were, once for each place. */
  void tell(Path place) {
    if (files + folders == 0) {
      return;
    }
    String what =
        (files > 0 ? some(files, "picture", firstFile) : "")
            + (files > 0 && folders > 0 ? " and " : "")
            + (folders > 0 ? some(folders, "folder", firstFolder) : "");
    Notices.once(
        "hidden files in " + place,
        FileNames.shown(place.toString())
            + ": left out because the names begin with a dot: "
            + what
            + (firstFile.contains("._")
                ? ". macOS keeps notes in files called ._*; they are no pictures"
                : ""));
  }

  private static String some(long count, String what, String first) {
    return String.format(
        Locale.ROOT,
        "%,d %s%s (%s%s)",
        count,
        what,
        count > 1 ? "s" : "",
        FileNames.shown(first),
        count > 1 ? " …" : "");
  }
}
