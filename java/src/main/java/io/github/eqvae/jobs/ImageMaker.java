package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.serve.CodeGenerator;
import io.github.eqvae.serve.CodeSamplingOptions;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.serve.Vae;
import java.util.List;
import java.util.Map;

/** A generator with the autoencoder that decodes its samples to pictures. */
public interface ImageMaker {
  /**
   * The hash of the generator's weights.
   *
   * @return SHA-256
   */
  String weightsHash();

  /**
   * The names of its classes.
   *
   * @return names by label; empty if they are unknown
   */
  List<String> classNames();

  /**
   * The side of its pictures.
   *
   * @return in pixels
   */
  int side();

  /**
   * All settings that its pictures depend on, except for seed and labels.
   *
   * @return values by name
   */
  Map<String, Object> describe();

  /**
   * Makes pictures.
   *
   * @param labels a label for each picture
   * @param seed seed of the random draws
   * @param first number of the first picture
   * @return the pictures
   * @throws EqvaeException.Argument when a number is not finite
   */
  ImageBatch make(int[] labels, long seed, long first);

  /**
   * Generates latents and decodes them: DiT, SiT, LightningDiT, REPA.
   *
   * @param generator makes latents
   * @param vae decodes them
   * @param options method, steps, guidance
   * @return the maker
   * @throws EqvaeException.Argument when generator and autoencoder do not match
   */
  static ImageMaker of(Generator generator, Vae vae, SamplingOptions options) {
    int channels = generator.config().channels();
    if (channels != vae.scaledChannels()) {
      throw new EqvaeException.Argument(
          "%s makes latents with %d channels, but %s decodes latents with %d"
              .formatted(generator, channels, vae, vae.scaledChannels()));
    }
    options.sampler(generator.process(), channels); // checks the options
    return new OfLatents(generator, vae, options);
  }

  /**
   * Generates codes and decodes them: MaskGIT.
   *
   * @param generator makes codes
   * @param vae decodes them
   * @param options order, steps, guidance
   * @return the maker
   * @throws EqvaeException.Argument when generator and autoencoder do not match
   */
  static ImageMaker of(CodeGenerator generator, Vae vae, CodeSamplingOptions options) {
    int codes = generator.config().codes();
    if (codes != vae.codebookSize()) {
      throw new EqvaeException.Argument(
          "%s makes codes of a codebook with %,d entries, but %s has %s"
              .formatted(
                  generator,
                  codes,
                  vae,
                  vae.codebookSize() == 0 ? "no codebook" : vae.codebookSize()));
    }
    options.sampler(generator.canBeGuided()).check(generator.config().tokens());
    return new OfCodes(generator, vae, options);
  }

  /**
   * A maker with latents.
   *
   * @param generator makes latents
   * @param vae decodes them
   * @param options how they are sampled
   */
  record OfLatents(Generator generator, Vae vae, SamplingOptions options) implements ImageMaker {
    @Override
    public String weightsHash() {
      return generator.weightsHash();
    }

    @Override
    public List<String> classNames() {
      return generator.classNames();
    }

    @Override
    public int side() {
      int patch = vae.scaledChannels() == vae.latentChannels() ? 1 : vae.scaling().get().patch();
      return generator.config().side() * patch * vae.downsamplingFactor();
    }

    @Override
    public Map<String, Object> describe() {
      return options.describe(generator.process(), generator.config().channels());
    }

    @Override
    public ImageBatch make(int[] labels, long seed, long first) {
      Latents latents = generator.sample(labels, seed, first, options);
      FiniteSamples.require(latents.values(), first, labels.length, "its latent");
      return vae.decode(latents);
    }
  }

  /**
   * A maker with codes.
   *
   * @param generator makes codes
   * @param vae decodes them
   * @param options how they are sampled
   */
  record OfCodes(CodeGenerator generator, Vae vae, CodeSamplingOptions options)
      implements ImageMaker {
    @Override
    public String weightsHash() {
      return generator.weightsHash();
    }

    @Override
    public List<String> classNames() {
      return generator.classNames();
    }

    @Override
    public int side() {
      return generator.config().side() * vae.downsamplingFactor();
    }

    @Override
    public Map<String, Object> describe() {
      return options.describe(generator.canBeGuided());
    }

    @Override
    public ImageBatch make(int[] labels, long seed, long first) {
      Codes codes = generator.sample(labels, seed, first, options);
      return vae.decode(codes);
    }
  }
}
