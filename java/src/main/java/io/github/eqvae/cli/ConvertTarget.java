package io.github.eqvae.cli;

import io.github.eqvae.io.FolderLock;
import io.github.eqvae.model.checkpoint.CheckpointWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * The destination of a conversion.
 *
 * @param path a file or a folder
 * @param overwrite whether it may be replaced
 * @param command for messages
 */
record ConvertTarget(Path path, boolean overwrite, CommandSpec command) {

  /** Whether it is a PyTorch file, not safetensors. */
  boolean isPickle() {
    String name = String.valueOf(path.getFileName());
    boolean pickle = name.matches("(?s).*\\.(ckpt|pt|pth|bin)");
    if (!pickle && !name.endsWith(".safetensors")) {
      throw new ParameterException(
          command.commandLine(),
          "DST " + path + ": end it with .safetensors or .ckpt to say which file to write.");
    }
    return pickle;
  }

  /**
   * Reserves it, and the folder it lies in is made.
   *
   * @param folder whether it is a folder
   * @param source what is converted; nothing is made if that is not there
   */
  FolderLock take(boolean folder, Path source) throws IOException {
    OutputLock.requireFree(path, overwrite);
    if (!Files.exists(source)) {
      throw new NoSuchFileException(source.toString());
    }
    if (folder) {
      CheckpointWriter.requireFolderName(path);
    }
    FolderLock lock =
        folder ? OutputLock.ofFolder(path, command) : OutputLock.ofFile(path, command);
    try {
      OutputLock.requireFree(path, overwrite); // another process may just have written it
      return lock;
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }
}
