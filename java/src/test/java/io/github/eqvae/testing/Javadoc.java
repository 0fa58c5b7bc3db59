package io.github.eqvae.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The documentation comment of a class, read from its source. */
public final class Javadoc {
  private static final Pattern PARAM =
      Pattern.compile("@param (\\w+) ((?:(?!@param |@return |@throws ).)*)", Pattern.DOTALL);

  private Javadoc() {}

  /** The source of a class. */
  public static Path source(Class<?> type) {
    Class<?> outer = type;
    while (outer.getEnclosingClass() != null) {
      outer = outer.getEnclosingClass();
    }
    String file = outer.getName().replace('.', '/') + ".java";
    return GeneratedPage.ROOT.resolve("java/src/main/java").resolve(file);
  }

  /** The comment as plain Markdown, tags and all, on one line. */
  public static String of(Class<?> type) throws IOException {
    String source = Files.readString(source(type));
    Matcher declared =
        Pattern.compile(
                "/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(?:@\\w+(?:\\([^)]*\\))?\\s*)*"
                    + "(?:public |final |static |sealed )*(?:class|record|interface|enum) "
                    + type.getSimpleName()
                    + "\\b",
                Pattern.DOTALL)
            .matcher(source);
    if (!declared.find()) {
      throw new IOException(type + " has no documentation comment");
    }
    return markdown(declared.group(1));
  }

  /** Its first sentence. */
  public static String sentence(Class<?> type) throws IOException {
    String text = of(type).replaceFirst(" (@param|<p>).*", "");
    Matcher end = Pattern.compile("^(.*?[^.][.:])(?= [A-Z\\p{Lu}]|$)").matcher(text);
    return (end.find() ? end.group(1) : text).replaceAll("[.:]$", "");
  }

  /** What is said of each component of a record, in their order. */
  public static Map<String, String> components(Class<?> type) throws IOException {
    Map<String, String> all = new LinkedHashMap<>();
    Matcher m = PARAM.matcher(of(type));
    while (m.find()) {
      all.put(m.group(1), m.group(2).strip());
    }
    return all;
  }

  private static String markdown(String comment) {
    return comment
        .replaceAll("(?m)^\\s*\\* ?", " ")
        .replaceAll("\\s+", " ")
        .replaceAll("\\{@code ([^}]*)\\}", "`$1`")
        .replaceAll("\\{@link(?:plain)? (?:\\S+#|#)?([^}\\s]*)[^}]*\\}", "`$1`")
        .replaceAll("</?(?:strong|em|pre|ul|li)>", "")
        .strip();
  }
}
