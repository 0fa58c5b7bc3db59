package io.github.eqvae.model.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A folder that transformers' {@code save_pretrained} wrote, such as DINOv2's. */
public final class TransformersFolder {
  private static final List<String> WEIGHTS = List.of("model.safetensors", "pytorch_model.bin");

  private TransformersFolder() {}

  /**
   * The file of weights in such a folder.
   *
   * @param folder any path
   * @return empty if it is none: its {@code config.json} has no {@code model_type}
   * @throws IOException when the folder's configuration cannot be read
   */
  public static Optional<Path> weights(Path folder) throws IOException {
    Path config = folder.resolve(DiffusersFolder.CONFIG);
    Optional<Path> file =
        WEIGHTS.stream().map(folder::resolve).filter(Files::isRegularFile).findFirst();
    return file.isPresent()
            && Files.isRegularFile(config)
            && Json.read(config).path("model_type").isTextual()
        ? file
        : Optional.empty();
  }
}
