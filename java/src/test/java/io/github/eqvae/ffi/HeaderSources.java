package io.github.eqvae.ffi;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What repeats native/include/eqv.h, made of it: the text of the interface (eqv.abi), how the
 * library states it (abi_layout.cpp), what a backend implements (backend_operations.h), and Java's
 * {@link Struct}, {@link Fn} and {@link AbiText#VERSION}. After a change of the header write them
 * anew, without building anything first:
 *
 * <pre>{@code java java/src/test/java/io/github/eqvae/ffi/HeaderSources.java}</pre>
 */
public final class HeaderSources {
  private static final String MADE = "// Made of eqv.h by HeaderSources.java.\n";
  private static final Map<String, Integer> BYTES =
      Map.of("char", 1, "i32", 4, "u32", 4, "f32", 4, "i64", 8, "u64", 8, "f64", 8, "ptr", 8);

  /** A field of a struct: its C name, its type as the text spells it, 1 or the array's length. */
  private record Field(String name, String type, int count) {
    String declaration() {
      return name + ":" + type + (count > 1 ? "x" + count : "");
    }
  }

  private final String version;
  private final Map<String, List<Field>> structs = new LinkedHashMap<>();
  private final Map<String, List<String>> functions = new LinkedHashMap<>();

  private HeaderSources(String header) {
    String code = header.replaceAll("(?s)/\\*.*?\\*/", "");
    version = find("#define EQV_ABI_VERSION (\\d+)", code);
    int rank = Integer.parseInt(find("EQV_MAX_RANK = (\\d+)", code));
    Matcher struct = Pattern.compile("typedef struct \\{([^}]*)\\} (eqv_\\w+);").matcher(code);
    while (struct.find()) {
      structs.put(struct.group(2), fields(struct.group(1), rank));
    }
    Matcher function = Pattern.compile("EQV_API eqv_status (\\w+)\\(([^)]*)\\);").matcher(code);
    while (function.find()) {
      String arguments = function.group(2).strip().replaceAll("\\s+", " ");
      boolean none = arguments.equals("void");
      functions.put(function.group(1), none ? List.of() : List.of(arguments.split(", ")));
    }
    functions.remove("eqv_abi"); // is what compares the rest
  }

  private static String find(String pattern, String text) {
    Matcher m = Pattern.compile(pattern).matcher(text);
    if (!m.find()) {
      throw new IllegalStateException("eqv.h has no " + pattern);
    }
    return m.group(1);
  }

  private static List<Field> fields(String body, int rank) {
    List<Field> fields = new ArrayList<>();
    for (String line : body.split(";")) {
      Matcher m = Pattern.compile("(\\w+)(\\*?) (.*)").matcher(line.strip());
      if (!m.matches()) {
        continue; // what follows the last semicolon
      }
      String type = m.group(2).isEmpty() ? type(m.group(1)) : "ptr";
      for (String name : m.group(3).split(", ")) {
        String[] parts = name.split("[\\[\\]]");
        String count = parts.length > 1 ? parts[1] : "1";
        fields.add(
            new Field(
                parts[0], type, count.equals("EQV_MAX_RANK") ? rank : Integer.parseInt(count)));
      }
    }
    return fields;
  }

  private static String type(String c) {
    return switch (c) {
      case "float" -> "f32";
      case "double" -> "f64";
      case "char" -> "char";
      default -> c.replaceAll("(u?)int(\\d+)_t", "$1$2").replaceFirst("^(?=\\d)", "i");
    };
  }

  /** The text that {@code eqv_abi_text} gives. */
  private String text() {
    StringBuilder out = new StringBuilder("eqv abi " + version + "\n");
    structs.forEach(
        (name, fields) -> {
          StringBuilder line = new StringBuilder();
          int offset = 0;
          int alignment = 1;
          for (Field f : fields) {
            int bytes = BYTES.get(f.type());
            offset = (offset + bytes - 1) / bytes * bytes;
            line.append(" ").append(f.declaration()).append("@").append(offset);
            offset += bytes * f.count();
            alignment = Math.max(alignment, bytes);
          }
          int size = (offset + alignment - 1) / alignment * alignment;
          out.append("struct " + name + " size=" + size + line + "\n");
        });
    functions.forEach((name, a) -> out.append("fn " + name + "/" + a.size() + "\n"));
    return out.toString();
  }

  private String layout() {
    StringBuilder out = new StringBuilder(MADE);
    out.append("#include \"abi_text.h\"\n\nnamespace eqv {\n\nstd::string abi_layout() {\n");
    out.append("  AbiText text;\n");
    structs.forEach(
        (name, fields) -> {
          out.append("  text.structure<" + name + ">(\"" + name + "\");\n");
          for (Field f : fields) {
            out.append("  text.field(\"" + f.name() + "\", &" + name + "::" + f.name() + ");\n");
          }
        });
    functions
        .keySet()
        .forEach(name -> out.append("  text.function(\"" + name + "\", " + name + ");\n"));
    return out.append("  return text.get();\n}\n\n}  // namespace eqv\n").toString();
  }

  /** The operations, which are what takes a stream and tensors: as C++ calls them. */
  private String operations() {
    StringBuilder out = new StringBuilder(MADE);
    out.append("// The functions of a backend that do what those of the same name in eqv.h say.\n");
    out.append("#pragma once\n\n#include \"backend.h\"\n\nnamespace eqv::backend {\n\n");
    functions.forEach(
        (name, arguments) -> {
          boolean byHand = name.equals("eqv_adam") || name.equals("eqv_pack_weights");
          if (byHand || arguments.stream().noneMatch(a -> a.startsWith("const eqv_tensor*"))) {
            return; // backend.h has the two: eqv_adam is both of them in one
          }
          List<String> parameters = new ArrayList<>(List.of("Stream&"));
          for (String a : arguments.subList(1, arguments.size())) {
            parameters.add(
                a.startsWith("eqv_optional")
                    ? a.replace("eqv_optional ", "const Tensor* ")
                    : a.replace("eqv_tensor", "Tensor").replace('*', '&'));
          }
          out.append(call("void " + name.substring(4) + "(", parameters)).append("\n");
        });
    return out.append("\n}  // namespace eqv::backend\n").toString();
  }

  /** A declaration in lines of at most 120 characters. */
  private static String call(String head, List<String> parameters) {
    StringBuilder out = new StringBuilder();
    StringBuilder line = new StringBuilder(head);
    for (int i = 0; i < parameters.size(); i++) {
      String next = parameters.get(i) + (i < parameters.size() - 1 ? "," : ");");
      boolean first = line.length() == 0 || line.charAt(line.length() - 1) == '(';
      if (line.length() + next.length() + 1 > 120) {
        out.append(line).append("\n");
        line = new StringBuilder(" ".repeat(head.length()));
        first = true;
      }
      line.append(first ? "" : " ").append(next);
    }
    return out.append(line).toString();
  }

  private String structs() {
    StringBuilder out = new StringBuilder();
    structs.forEach(
        (name, fields) -> {
          out.append(constant(name)).append("(");
          String all = String.join(" ", fields.stream().map(Field::declaration).toList());
          int lineStart = out.lastIndexOf("\n") + 1;
          boolean fits = out.length() - lineStart + all.length() + 4 <= 100;
          out.append(fits ? "\"" + all + "\"" : "\n      " + broken(all)).append("),\n");
        });
    return constants(out);
  }

  /** A literal as the formatter breaks it: lines of at most 100 characters. */
  private static String broken(String text) {
    StringBuilder out = new StringBuilder();
    String rest = text;
    String indentation = "      \"";
    while (indentation.length() + rest.length() + 3 > 100) {
      int end = rest.lastIndexOf(' ', 100 - indentation.length() - 1);
      out.append("\"").append(rest, 0, end).append("\"\n          + ");
      rest = rest.substring(end);
      indentation = "          + \"";
    }
    return out.append("\"").append(rest).append("\"").toString();
  }

  private String functions() {
    StringBuilder out = new StringBuilder();
    functions.forEach((name, a) -> out.append(constant(name) + "(" + a.size() + "),\n"));
    return constants(out);
  }

  private static String constant(String name) {
    String plain = name.substring("eqv_".length()).toUpperCase(Locale.ROOT);
    return "  /** {@code " + name + "}. */\n  " + plain;
  }

  private static String constants(StringBuilder out) {
    return out.substring(0, out.length() - 2) + ";\n";
  }

  /** An enum's file with these constants in place of its own. */
  private static String with(String file, String constants) {
    int start = file.indexOf(" {\n", file.indexOf("public enum")) + 3;
    int end = file.indexOf(";\n", start) + 2;
    return file.substring(0, start) + constants + file.substring(end);
  }

  /**
   * The files that are made of the header.
   *
   * @param root of the repository
   * @return each file with the text it should have
   */
  public static Map<Path, String> of(Path root) throws IOException {
    HeaderSources header =
        new HeaderSources(Files.readString(root.resolve("native/include/eqv.h")));
    Path java = root.resolve("java/src/main/java/io/github/eqvae/ffi");
    Path struct = java.resolve("Struct.java");
    Path fn = java.resolve("Fn.java");
    Path abiText = java.resolve("AbiText.java");
    Map<Path, String> files = new LinkedHashMap<>();
    files.put(root.resolve("native/include/eqv.abi"), header.text());
    files.put(root.resolve("native/core/abi_layout.cpp"), header.layout());
    files.put(root.resolve("native/core/backend_operations.h"), header.operations());
    files.put(struct, with(Files.readString(struct), header.structs()));
    files.put(fn, with(Files.readString(fn), header.functions()));
    files.put(
        abiText,
        Files.readString(abiText)
            .replaceFirst("VERSION = \\d+;", "VERSION = " + header.version + ";"));
    return files;
  }

  /** Whether two texts of the interface differ although both are of the same version. */
  static boolean needsVersion(String before, String after) {
    return !before.equals(after) && before.lines().findFirst().equals(after.lines().findFirst());
  }

  public static void main(String[] arguments) throws IOException {
    Path root = Path.of(arguments.length > 0 ? arguments[0] : ".");
    Map<Path, String> files = of(root);
    Path text = root.resolve("native/include/eqv.abi");
    if (needsVersion(Files.readString(text), files.get(text))) {
      System.err.println(
          "The interface has changed: raise EQV_ABI_VERSION in native/include/eqv.h, then run this"
              + " again.");
      System.exit(1);
    }
    for (Map.Entry<Path, String> file : files.entrySet()) {
      if (!Files.exists(file.getKey())
          || !Files.readString(file.getKey()).equals(file.getValue())) {
        Files.writeString(file.getKey(), file.getValue());
        System.out.println(root.relativize(file.getKey()));
      }
    }
  }
}
