package io.github.eqvae.generator;

/** Shapes of published networks whose options differ from {@link DitConfig#of}. */
public final class PublishedNetworks {
  private PublishedNetworks() {}

  /** SiT as REPA trains it: without {@code learn_sigma}, latents of 32×32×4, 1000 classes. */
  public static DitConfig repa(DitSize size) {
    DitConfig of = DitConfig.of(size, 2);
    return new DitConfig(
        4,
        32,
        2,
        of.width(),
        of.depth(),
        of.heads(),
        4,
        1000,
        true,
        false,
        false,
        false,
        false,
        false,
        true);
  }
}
