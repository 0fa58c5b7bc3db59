package io.github.eqvae;

/** The version of eqvae, which is written into results. */
public final class Version {
  /** Name and number. */
  public static final String TEXT = "eqvae 0.1.0";

  private Version() {}
}
