package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * An open checkpoint of an autoencoder, of any format and naming. The architecture is derived from
 * the tensors; a {@code config.json} must agree with it. Missing and unexpected tensors are
 * reported; they are an error when the tensors are used.
 *
 * <pre>{@code
 * try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path)) {
 *   AutoencoderKl vae = checkpoint.load(stream, false);
 *   Optional<LatentScaling> scaling = checkpoint.settings().scaling();
 * }
 * }</pre>
 */
public final class AutoencoderCheckpoint extends NetworkCheckpoint {
  private final AutoencoderKeys keys;
  private final AutoencoderArchitecture architecture;
  private final AutoencoderSettings settings;
  private final KeyReport report;

  private AutoencoderCheckpoint(
      CheckpointFile file,
      AutoencoderKeys keys,
      AutoencoderArchitecture architecture,
      AutoencoderSettings settings) {
    super(file, keys.tensors(), keys.others(), keys.weightsNote());
    this.keys = keys;
    this.architecture = architecture;
    this.settings = settings;
    report = KeyComparison.of(keys, architecture);
  }

  /**
   * Opens a file or a folder.
   *
   * @param path safetensors, a PyTorch checkpoint, or a folder of diffusers, also of a complete
   *     pipeline
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it has no autoencoder (the message says what it is), mixes
   *     namings, or has a {@code config.json} of another architecture
   * @throws EqvaeException.Unsupported if it is an autoencoder that cannot be computed here
   * @throws IOException if it cannot be read, or a file breaks the rules of its format
   */
  public static AutoencoderCheckpoint open(Path path) throws IOException {
    return open(path, Weights.AUTO);
  }

  /**
   * Opens a file or a folder.
   *
   * @param path as of {@link #open(Path)}
   * @param weights which set, if there is an average beside the current weights
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument as for {@link #open(Path)}, or if it lacks those weights
   * @throws EqvaeException.Unsupported as of {@link #open(Path)}
   * @throws IOException as of {@link #open(Path)}
   */
  public static AutoencoderCheckpoint open(Path path, Weights weights) throws IOException {
    CheckpointFile file = CheckpointFile.open(path, weights);
    try {
      return of(file, weights);
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /**
   * Looks for an autoencoder in an open checkpoint.
   *
   * @param file the checkpoint; it is closed together with the returned object
   * @param weights which of them
   * @return the autoencoder in it
   * @throws EqvaeException.Argument as of {@link #open}
   * @throws EqvaeException.Unsupported as of {@link #open}
   * @throws IOException if {@code config.json} cannot be read
   */
  public static AutoencoderCheckpoint of(CheckpointFile file, Weights weights) throws IOException {
    Optional<Path> configFile = file.config();
    try {
      return read(file, weights, configFile);
    } catch (EqvaeException.Argument | EqvaeException.Unsupported e) {
      if (configFile.isPresent()) {
        ForeignClass.refuse(file.path(), configFile.get());
      }
      throw e;
    }
  }

  /**
   * Whether a checkpoint has an autoencoder, or a part of one.
   *
   * @param file the checkpoint
   * @return true if {@link #of} would read it
   */
  public static boolean isThere(CheckpointFile file) {
    return AutoencoderPrefix.isThere(file.tensors().keySet());
  }

  private static AutoencoderCheckpoint read(
      CheckpointFile file, Weights weights, Optional<Path> configFile) throws IOException {
    String name = file.path().toString();
    AutoencoderKeys keys = AutoencoderKeys.of(file, weights);
    Optional<DiffusersConfig> config = Optional.empty();
    // a config.json beside a CompVis file belongs to something else
    if (configFile.isPresent() && keys.naming() != KeyNaming.COMPVIS) {
      config = Optional.of(DiffusersConfig.read(configFile.get()));
    }
    AutoencoderArchitecture architecture =
        new ArchitectureInference(name, keys.tensors()).architecture();
    config.ifPresent(c -> requireAgreement(configFile.orElseThrow(), c, architecture));
    AutoencoderSettings settings =
        config
            .map(DiffusersConfig::settings)
            .orElseGet(
                () ->
                    AutoencoderSettings.of(name, file.metadata())
                        .orElse(PipelineHints.settings(file.tensors(), architecture)));
    settings =
        LatentNorm.read(
                name,
                keys.statistics(),
                architecture,
                config.map(DiffusersConfig::batchNormEps).orElse(LatentNorm.EPS))
            .map(settings::with)
            .orElse(settings);
    List<KnownModel> known = KnownModel.matching(architecture, settings);
    if (known.size() == 1) {
      settings = settings.orElse(known.getFirst().settings());
    } else if (!known.isEmpty()) {
      AutoencoderSettings shared = known.getFirst().settings();
      settings = settings.orElse(shared.architectureOnly());
    }
    settings.requireChannels(configFile.map(Path::toString).orElse(name), architecture.embedDim());
    return new AutoencoderCheckpoint(file, keys, architecture, settings);
  }

  private static void requireAgreement(
      Path config, DiffusersConfig said, AutoencoderArchitecture found) {
    List<String> differences = said.architecture().differences("config.json", found, "the tensors");
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          config
              + " does not describe the tensors beside it:\n  "
              + String.join("\n  ", differences));
    }
    int groups = said.settings().normNumGroups().orElseThrow();
    if (found.blockOutChannels().stream().anyMatch(c -> c % groups != 0)) {
      throw new EqvaeException.Argument(
          config
              + ": norm_num_groups "
              + groups
              + " does not divide the channels "
              + found.blockOutChannels());
    }
  }

  /**
   * The naming of the tensors.
   *
   * @return the naming
   */
  public KeyNaming naming() {
    return keys.naming();
  }

  /**
   * The prefix of the autoencoder's names, such as {@code first_stage_model.}.
   *
   * @return the prefix, mostly empty
   */
  public String prefix() {
    return keys.prefix();
  }

  /**
   * The architecture.
   *
   * @return as the tensors tell it
   */
  public AutoencoderArchitecture architecture() {
    return architecture;
  }

  /**
   * Settings that tensors do not contain.
   *
   * @return from {@code config.json}, other parts of the file, and the published model if only one
   *     has this architecture
   */
  public AutoencoderSettings settings() {
    return settings;
  }

  /**
   * The published models that it may be a checkpoint of.
   *
   * @return none, one, or several that cannot be told apart
   */
  public List<KnownModel> known() {
    return KnownModel.matching(architecture, settings);
  }

  @Override
  public KeyReport report() {
    return report;
  }

  /**
   * Whether a model with this architecture can be built, whether or not tensors are missing.
   *
   * @return why not; empty if it can
   */
  public Optional<String> obstacle() {
    return architecture.obstacle(settings);
  }

  /**
   * Builds the model and reads its weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @param training whether to keep memory for gradients
   * @return the model; the caller closes it
   * @throws EqvaeException.Argument if the report is not clean
   * @throws EqvaeException.Unsupported if it is not an {@code AutoencoderKL}
   */
  public AutoencoderKl load(Stream stream, boolean training) {
    report.requireClean(file().path().toString());
    AutoencoderKl vae =
        new AutoencoderKl(architecture.config(file().path(), settings), stream, 0, training);
    try {
      loadInto(vae.parameters(), stream);
      return vae;
    } catch (RuntimeException | Error e) {
      vae.close();
      throw e;
    }
  }

  /**
   * Builds the model of either kind without reading its weights: for a plan of memory.
   *
   * @param stream orders the work; its device holds the parameters
   * @return the model, not for training; the caller closes it
   * @throws EqvaeException.Argument if the file does not say its shape
   * @throws EqvaeException.Unsupported if no model here has this architecture
   */
  public Autoencoder untaught(Stream stream) {
    return architecture.kind() == AutoencoderKind.KL
        ? new AutoencoderKl(architecture.config(file().path(), settings), stream, 0, false)
        : new VqModel(architecture.vqConfig(file().path(), settings), stream, 0, false);
  }

  /**
   * Builds the model of either kind and reads its weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @return the model, not for training; the caller closes it
   * @throws EqvaeException.Argument if the report is not clean
   * @throws EqvaeException.Unsupported if no model of this library has this architecture
   */
  public Autoencoder load(Stream stream) {
    if (architecture.kind() == AutoencoderKind.KL) {
      return load(stream, false);
    }
    report.requireClean(file().path().toString());
    VqModel model = new VqModel(architecture.vqConfig(file().path(), settings), stream, 0, false);
    try {
      loadInto(model.parameters(), stream);
      return model;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /**
   * Reads all parameters of a model, strictly. Nothing is changed unless everything fits.
   *
   * @param parameters what to fill; CompVis names
   * @param stream waited for
   * @throws EqvaeException.Argument if tensors are missing, unexpected or of another shape, or have
   *     numbers that are not finite; the message lists all of them
   */
  public void loadInto(ParameterStore parameters, Stream stream) {
    StrictLoading.load(file().path(), keys, report, notFinite(), parameters, stream);
  }
}
