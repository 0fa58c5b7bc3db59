package io.github.eqvae.cli;

import io.github.eqvae.generator.checkpoint.GeneratorWriter;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.model.checkpoint.FloatType;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;

/**
 * {@code eqvae convert --to maskgit}: MaskGIT from one file format to another.
 *
 * @param checkpoint the network
 * @param dtype the type of the numbers; empty to keep them
 * @param line the command line, for output and notes
 */
record MaskGitConversion(
    MaskGitCheckpoint checkpoint, Optional<FloatType> dtype, CommandLine line) {
  void write(Path source, Path destination, boolean pickle) throws IOException {
    PrintWriter stderr = line.getErr();
    WeightsOption.say(stderr, source, checkpoint.weightsNote());
    GeneratorWriter writer = new GeneratorWriter(dtype);
    Files.createDirectories(destination.toAbsolutePath().getParent());
    Map<String, Long> overflows =
        pickle
            ? writer.writeTorch(destination, checkpoint)
            : writer.writeSafetensors(destination, checkpoint);
    ConversionNotes notes = new ConversionNotes(stderr);
    notes.leftOut(checkpoint.others());
    notes.notFinite(checkpoint.notFinite());
    notes.overflows(overflows);
    stderr.flush();
    line.getOut().println("wrote " + destination);
    line.getOut().flush();
  }
}
