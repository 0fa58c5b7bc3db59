package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Folders;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.WriteFailure;
import io.github.eqvae.jobs.LatentFiles;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.tensor.Device;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae decode}: latents to images. */
@Command(
    name = "decode",
    mixinStandardHelpOptions = true,
    description = {
      "Decodes latents into images.",
      "Reads what `eqvae encode` wrote, or latents [N, C, h, w] of your own in safetensors, npz or"
          + " npy. Writes PNG files, or all images into one .npz (arr_0, uint8 [N, H, W, C]) as the"
          + " evaluation suite of ADM reads them."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae decode sd-vae-ft-ema/ latents/ images/",
      "  eqvae decode sd-vae-ft-ema/ samples.npz samples/ --scaled",
      "  eqvae decode runs/photos samples.npy samples.npz --scaled --scaling-factor 0.9"
    })
final class DecodeCommand implements Callable<Integer> {
  @Mixin private ModelArguments model = new ModelArguments();

  @Parameters(
      index = "1",
      paramLabel = "IN",
      description = "A file or a folder of latents: safetensors, npz, npy or tar.")
  private Path in = Path.of(".");

  @Parameters(
      index = "2",
      paramLabel = "OUT",
      description = "A folder for PNG files, or a file .npz for all images.")
  private Path out = Path.of(".");

  @Option(
      names = "--scaled",
      description =
          "The latents are scaled, as a generator makes them; a folder's index.json says.")
  private boolean scaled;

  @Mixin private TileOption tile = new TileOption();

  @Option(names = "--overwrite", description = "Replaces images that exist already.")
  private boolean overwrite;

  @Spec private CommandSpec spec;

  private int seen;

  private int done;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    LatentFiles files = LatentFiles.open(in);
    boolean archive = PictureTarget.isArchive(out);
    if (!archive) {
      PictureTarget.requireFolderName(
          out, "OUT", "images go into a folder of PNG files, or into one file .npz");
    }
    if (!archive && Files.isRegularFile(out)) {
      throw new ParameterException(
          spec.commandLine(), "OUT " + out + " is a file; name a folder, or a file .npz");
    }
    requireOutside(archive ? out.toAbsolutePath().getParent() : out);
    OutputLock.requireFree(out, overwrite);
    checkScaling(files);
    try (Device device = model.open(spec.commandLine().getErr());
        Vae vae = model.load(device, spec.commandLine().getErr());
        FolderLock lock = archive ? OutputLock.ofFile(out, spec) : OutputLock.ofFolder(out, spec);
        Sink sink = archive ? new Archive() : new Folder(files.names(), lock)) {
      OutputLock.requireFree(out, overwrite); // another process may just have written it
      NotFinite notFinite = new NotFinite(spec.commandLine().getErr());
      boolean areScaled = scaled || files.scaled().orElse(false);
      sayOtherWeights(vae);
      WatchedCounter ticker =
          new WatchedCounter(spec.commandLine().getErr(), "decoded", 0, 0, device);
      files.visit(
          areScaled ? vae.scaledChannels() : vae.latentChannels(),
          areScaled,
          new LatentFiles.Visitor() {
            @Override
            public void latents(Latents latents, List<String> names) throws IOException {
              int step = model.group();
              for (int i = 0; i < latents.count(); i += step) {
                int to = Math.min(latents.count(), i + step);
                Latents part = latents.part(i, to);
                take(tile.decode(vae, part), i, names, part);
              }
            }

            @Override
            public void codes(Codes codes, List<String> names) throws IOException {
              int step = model.group();
              for (int i = 0; i < codes.count(); i += step) {
                int to = Math.min(codes.count(), i + step);
                take(tile.decode(vae, codes.part(i, to)), i, names, null);
              }
            }

            private void take(
                ImageBatch images, int first, List<String> names, @Nullable Latents of)
                throws IOException {
              for (int i = 0; i < images.count(); i++) {
                String name =
                    names.isEmpty()
                        ? String.format(Locale.ROOT, "%06d", seen)
                        : names.get(first + i);
                seen++;
                if (!isBad(name, images, i, of)) {
                  sink.add(name, images.image(i));
                  done++;
                }
                ticker.at(seen);
              }
            }

            private boolean isBad(String name, ImageBatch images, int i, @Nullable Latents of) {
              int latent = of == null ? 0 : of.values().length / of.count();
              int image = images.pixels().length / images.count();
              return of != null
                      && notFinite.isAny(name, of.values(), i * latent, latent, "its latent")
                  || notFinite.isAny(name, images.pixels(), i * image, image, "its image");
            }
          });
      if (archive) {
        // leaving them out would change the position of all later images in the array
        notFinite.failIfAny("No " + out + " was written: take them out of " + in + ".");
      }
      sink.finish();
      stdout.printf(
          Locale.ROOT,
          "%d %s written to %s, %,d MB of memory beside the weights%n",
          done,
          done == 1 ? "image" : "images",
          out,
          vae.memory().liveBytes() >> 20);
      stdout.flush();
      notFinite.failIfAny("The program that made " + in + " diverged, or overflowed in fp16.");
      return 0;
    }
  }

  /** What is read must not be replaced by its images, nor get images beside its shards. */
  private void requireOutside(Path folder) throws IOException {
    if (Folders.isSame(out, in) || Files.isDirectory(in) && Folders.isSame(folder, in)) {
      throw new EqvaeException.Argument(
          "OUT " + out + " is in the place of the latents that are read; name another one");
    }
  }

  private void checkScaling(LatentFiles files) {
    if (scaled && !files.scaled().orElse(true)) {
      throw new EqvaeException.Argument(
          in + " holds latents that are not scaled, as its index.json says: leave out --scaled");
    }
    if (model.namesScaling() && !scaled && !files.scaled().orElse(false)) {
      throw new EqvaeException.Argument(
          "--scaling-factor and --shift-factor are for scaled latents, and nothing says that those"
              + " in "
              + in
              + " are: add --scaled, or leave them out");
    }
  }

  /** Latents belong to the encoder that made them; another decoder may not fit. */
  private void sayOtherWeights(Vae vae) throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    LatentFiles.weights(in)
        .filter(hash -> !hash.equals(vae.weightsHash()))
        .ifPresent(
            hash -> {
              err.println(
                  "eqvae: warning: "
                      + in
                      + " was made with other weights (SHA-256 "
                      + hash.substring(0, Math.min(12, hash.length()))
                      + "…) than those of "
                      + model.model()
                      + ". To see whether they fit: "
                      + Invocation.command(
                          "evaluate", model.model(), "--drop-in", "OTHER", "--data", "DIR"));
              err.flush();
            });
  }

  /** The destination of images. */
  private interface Sink extends AutoCloseable {
    void add(String name, Image image) throws IOException;

    void finish() throws IOException;

    @Override
    default void close() throws IOException {}
  }

  /** Writes one PNG file for each image. */
  private final class Folder implements Sink {
    private final PngNames names;
    private final FolderLock lock;

    Folder(List<String> all, FolderLock lock) throws IOException {
      names = new PngNames(out, all);
      this.lock = lock;
    }

    @Override
    public void add(String name, Image image) throws IOException {
      lock.requireOwned();
      Path target = names.of(name);
      if (!target.startsWith(out.normalize())) {
        throw new IOException("the name " + FileNames.shown(name) + " leads out of " + out);
      }
      Files.createDirectories(target.toAbsolutePath().getParent());
      Images.writePng(target, image);
    }

    @Override
    public void finish() {}
  }

  /**
   * Writes images of one size into one array. There may be many, so they are collected in a
   * temporary file beside it.
   */
  private final class Archive implements Sink {
    private final Path part;
    private final OutputStream bytes;
    private long[] shape = {};

    Archive() throws IOException {
      Path target = out.toAbsolutePath();
      Files.createDirectories(target.getParent());
      part = Files.createTempFile(target.getParent(), target.getFileName() + ".", ".part");
      part.toFile().deleteOnExit(); // after Ctrl-C, too
      bytes = new BufferedOutputStream(Files.newOutputStream(part));
    }

    @Override
    public void add(String name, Image image) throws IOException {
      if (shape.length == 0) {
        shape = new long[] {0, image.height(), image.width(), image.channels()};
      }
      if (shape[1] != image.height() || shape[2] != image.width()) {
        throw new IOException(
            "images of several sizes do not fit into one array: " + FileNames.shown(name));
      }
      shape[0]++;
      try {
        bytes.write(image.data());
      } catch (IOException e) {
        throw WriteFailure.of(part, e);
      }
    }

    @Override
    public void finish() throws IOException {
      try {
        bytes.close();
      } catch (IOException e) {
        throw WriteFailure.of(part, e);
      }
      NpzFile.write(out, "arr_0", "|u1", shape, part);
    }

    @Override
    public void close() throws IOException {
      try (bytes) {
        Files.deleteIfExists(part); // open still, if something failed before its end
      } catch (IOException e) {
        throw WriteFailure.of(part, e);
      }
    }
  }
}
