package io.github.eqvae.ffi;

/**
 * The C interface as text, built from the Java declarations; equal to what the native side builds
 * from its own.
 */
public final class AbiText {
  /** {@code EQV_ABI_VERSION}. */
  public static final int VERSION = 15;

  private AbiText() {}

  /**
   * The text of this jar.
   *
   * @return one line for the version, each struct, each function
   */
  public static String build() {
    StringBuilder s = new StringBuilder("eqv abi " + VERSION + "\n");
    for (Struct struct : Struct.values()) {
      s.append(struct.abiLine());
    }
    for (Fn fn : Fn.values()) {
      s.append(fn.abiLine());
    }
    return s.toString();
  }

  static String firstDifference(String ours, String theirs) {
    String[] a = ours.split("\n");
    String[] b = theirs.split("\n");
    for (int i = 0; i < Math.min(a.length, b.length); i++) {
      if (!a[i].equals(b[i])) {
        return "the jar has '" + a[i] + "', the library '" + b[i] + "'";
      }
    }
    return "the jar has " + a.length + " entries, the library " + b.length;
  }
}
