package io.github.eqvae;

/** Which eqvae this is: results say it. */
public final class Version {
  /** Name and number. */
  public static final String TEXT = "eqvae 0.1.0";

  private Version() {}
}
