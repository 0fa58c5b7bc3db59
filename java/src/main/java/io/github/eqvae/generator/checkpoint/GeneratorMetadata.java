package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.DitConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a file of a generator says beside its tensors: the network's shape, how it was taught, whose
 * latents it makes, and what its classes are called. It is one JSON text under {@link #KEY} among
 * the free strings of a safetensors file. The references' files have none.
 *
 * @param network the network's shape
 * @param process how it was taught
 * @param latents whose latents it makes; empty if that was not noted
 * @param classes what the labels 0, 1, … are called; empty if that is not known
 * @param alignment the projectors, and whose features they were taught; empty without
 */
public record GeneratorMetadata(
    DitConfig network,
    GeneratorProcess process,
    Optional<LatentsOrigin> latents,
    List<String> classes,
    Optional<AlignmentOrigin> alignment) {
  /** Under what it stands. */
  public static final String KEY = "eqvae.generator";

  /** Raised when an older program would misread what a newer one wrote. */
  private static final int VERSION = 1;

  private static final JsonMapper JSON = MetadataJson.MAPPER;

  /**
   * Of a network without projectors.
   *
   * @param network the network's shape
   * @param process how it was taught
   * @param latents whose latents it makes; empty if that was not noted
   * @param classes what the labels 0, 1, … are called; empty if that is not known
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
   * @throws EqvaeException.Argument when there are names, and not as many as classes
   */
  public GeneratorMetadata {
    classes = List.copyOf(classes);
    MetadataJson.requireNames(classes.size(), network.classes());
  }

  /**
   * As free strings beside the tensors of a safetensors file.
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
   * Reads what {@link #toMap} wrote.
   *
   * @param file for messages
   * @param metadata the free strings of a file
   * @return empty if there is no entry
   * @throws EqvaeException.Argument when it makes no sense
   * @throws EqvaeException.Unsupported when a newer version wrote it
   */
  public static Optional<GeneratorMetadata> of(String file, Map<String, String> metadata) {
    String json = metadata.get(KEY);
    if (json == null) {
      return Optional.empty();
    }
    try {
      JsonNode text = JSON.readTree(json);
      MetadataJson.requireKnown(file, KEY, text.path("version").asInt(), VERSION);
      return Optional.of(
          new GeneratorMetadata(
              JSON.treeToValue(text.required("network"), DitConfig.class),
              JSON.treeToValue(text.required("process"), GeneratorProcess.class),
              text.has("latents")
                  ? Optional.of(JSON.treeToValue(text.get("latents"), LatentsOrigin.class))
                  : Optional.empty(),
              List.of(JSON.treeToValue(text.required("classes"), String[].class)),
              text.has("alignment")
                  ? Optional.of(JSON.treeToValue(text.get("alignment"), AlignmentOrigin.class))
                  : Optional.empty()));
    } catch (JsonProcessingException e) {
      throw MetadataJson.nonsense(
          file, KEY, e.getCause() instanceof EqvaeException why ? why : e, e.getOriginalMessage());
    } catch (EqvaeException.Argument
        | IllegalArgumentException
        | NullPointerException e) { // no object; null among names
      throw MetadataJson.nonsense(file, KEY, e, String.valueOf(e.getMessage()));
    }
  }
}
