package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.DitConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The settings in a generator's file: the network's shape, its diffusion process, the autoencoder
 * of its latents, and the names of its classes. They are one JSON text with the key {@link #KEY} in
 * the metadata of a safetensors file. The references' files have none.
 *
 * @param network the network's shape
 * @param process the diffusion process that it was trained for
 * @param latents the origin of its latents; empty if it was not recorded
 * @param classes the names of the labels 0, 1, …; empty if they are unknown
 * @param alignment the projectors and the feature network they were trained for; empty if there are
 *     none
 */
public record GeneratorMetadata(
    DitConfig network,
    GeneratorProcess process,
    Optional<LatentsOrigin> latents,
    List<String> classes,
    Optional<AlignmentOrigin> alignment) {
  /** The key of the settings. */
  public static final String KEY = "eqvae.generator";

  /** Increased when an older program would misread the settings. */
  private static final int VERSION = 1;

  private static final JsonMapper JSON = MetadataJson.MAPPER;

  /**
   * Settings of a network without projectors.
   *
   * @param network the network's shape
   * @param process the diffusion process that it was trained for
   * @param latents the origin of its latents; empty if it was not recorded
   * @param classes the names of the labels 0, 1, …; empty if they are unknown
   */
  public GeneratorMetadata(
      DitConfig network,
      GeneratorProcess process,
      Optional<LatentsOrigin> latents,
      List<String> classes) {
    this(network, process, latents, classes, Optional.empty());
  }

  /**
   * Checks the names and copies the list.
   *
   * @throws EqvaeException.Argument when there are names, but not one for each class
   */
  public GeneratorMetadata {
    classes = List.copyOf(classes);
    MetadataJson.requireNames(classes.size(), network.classes());
  }

  /**
   * The settings as metadata of a safetensors file.
   *
   * @return one entry, {@link #KEY}
   */
  public Map<String, String> toMap() {
    ObjectNode text = JSON.createObjectNode().put("version", VERSION);
    text.set("network", JSON.valueToTree(network));
    text.set("process", JSON.valueToTree(process));
    latents.ifPresent(origin -> text.set("latents", JSON.valueToTree(origin)));
    text.set("classes", JSON.valueToTree(classes));
    alignment.ifPresent(a -> text.set("alignment", JSON.valueToTree(a)));
    return Map.of(KEY, text.toString());
  }

  /**
   * Reads the settings that {@link #toMap} wrote.
   *
   * @param file the file's name, for messages
   * @param metadata the metadata of a file
   * @return empty if there is no entry
   * @throws EqvaeException.Argument when it is invalid
   * @throws EqvaeException.Unsupported when a newer version wrote it
   */
  public static Optional<GeneratorMetadata> of(String file, Map<String, String> metadata) {
    return MetadataJson.read(
        file,
        metadata.get(KEY),
        KEY,
        VERSION,
        text ->
            new GeneratorMetadata(
                JSON.treeToValue(text.required("network"), DitConfig.class),
                JSON.treeToValue(text.required("process"), GeneratorProcess.class),
                MetadataJson.optional(text, "latents", LatentsOrigin.class),
                MetadataJson.classes(text),
                MetadataJson.optional(text, "alignment", AlignmentOrigin.class)));
  }
}
