package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.train.Recipe;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae evaluate}: measures a trained model. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    description = {
      "Measures a trained model.",
      "On its held-out images, or on another folder: PSNR, SSIM, LPIPS and rFID (with their"
          + " weights), the equivariance error per angle and scale, latent statistics, spectrum"
          + " and intrinsic dimension. Writes evaluation.json and report.html into the run's"
          + " folder."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae evaluate runs/photos",
      "  eqvae evaluate runs/photos --data pictures/",
      "  eqvae evaluate runs/photos --set evaluation.images=2048",
      "  eqvae evaluate runs/photos --set evaluation.inception_weights=inception-fid.safetensors"
    })
final class EvaluateCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "RUN", description = "Folder of a run.")
  private Path run = Path.of(".");

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "A folder of pictures, all of which are measured.")
  private java.util.Optional<Path> data = java.util.Optional.empty();

  @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a setting.")
  private List<String> settings = new ArrayList<>();

  @Mixin private DeviceOption device = new DeviceOption();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    RunFolder folder = new RunFolder(run);
    List<String> overrides = new ArrayList<>(settings);
    device.addTo(overrides);
    data.ifPresent(
        d -> {
          if (!Files.isDirectory(d)) {
            throw new EqvaeException.Argument("--data " + d + " is not a folder");
          }
          overrides.addAll(
              List.of(
                  "data.kind=image_folder", "data.path=" + d, "data.pad=0", "data.validation=0"));
        });
    Recipe recipe = folder.readRecipe(overrides);
    try (Session session = new Session(recipe, folder, false, stderr)) {
      session.trainer().resume(folder.latest(recipe, stderr));
      session.trainer().useAverage();
      Result result =
          session.evaluate(
              why -> {
                stderr.println(
                    "eqvae: note: " + why + " in evaluation.inception_weights (docs/rfid.md)");
                stderr.flush();
              });
      stdout.print(result.text());
      AtomicFiles.write(run.resolve("evaluation.json"), result.json());
      AtomicFiles.write(
          folder.report(),
          io.github.eqvae.train.report.Report.html(Reports.single(recipe, folder, result)));
      stdout.println("report " + folder.report());
      stdout.flush();
    }
    return 0;
  }
}
