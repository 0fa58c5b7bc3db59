package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The settings in a file of MaskGIT, like {@link GeneratorMetadata} for other generators: one JSON
 * text with the key {@link #KEY}. The references' files have none.
 *
 * @param network the network's shape
 * @param guided whether it was also trained without labels, as guidance needs
 * @param latents the origin of its codes; empty if it was not recorded
 * @param classes the names of the labels 0, 1, …; empty if they are unknown
 */
public record MaskGitMetadata(
    MaskGitConfig network, boolean guided, Optional<LatentsOrigin> latents, List<String> classes) {
  /** The key of the settings. */
  public static final String KEY = "eqvae.maskgit";

  private static final int VERSION = 1;

  /**
   * Checks the names and copies the list.
   *
   * @throws EqvaeException.Argument when there are names, but not one for each class
   */
  public MaskGitMetadata {
    classes = List.copyOf(classes);
    MetadataJson.requireNames(classes.size(), network.classes());
  }

  /**
   * The settings as metadata of a safetensors file.
   *
   * @return one entry, {@link #KEY}
   */
  public Map<String, String> toMap() {
    ObjectNode text = MetadataJson.MAPPER.createObjectNode().put("version", VERSION);
    text.set("network", MetadataJson.MAPPER.valueToTree(network));
    text.put("guided", guided);
    latents.ifPresent(origin -> text.set("latents", MetadataJson.MAPPER.valueToTree(origin)));
    text.set("classes", MetadataJson.MAPPER.valueToTree(classes));
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
  public static Optional<MaskGitMetadata> of(String file, Map<String, String> metadata) {
    return MetadataJson.read(
        file,
        metadata.get(KEY),
        KEY,
        VERSION,
        text ->
            new MaskGitMetadata(
                MetadataJson.MAPPER.treeToValue(text.required("network"), MaskGitConfig.class),
                text.required("guided").asBoolean(),
                MetadataJson.optional(text, "latents", LatentsOrigin.class),
                MetadataJson.classes(text)));
  }
}
