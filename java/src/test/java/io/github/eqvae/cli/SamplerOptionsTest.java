package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.serve.SamplingMethod;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** An option that changes nothing is refused, and the error says whose it is. */
class SamplerOptionsTest {
  @Command
  private static final class Holder {
    @Mixin private SamplerOptions sampler = new SamplerOptions();
  }

  private static Holder holder(String options) {
    Holder holder = new Holder();
    new CommandLine(holder).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(options.split(" "));
    return holder;
  }

  private static String refused(Executable options) {
    return assertThrows(EqvaeException.Argument.class, options).getMessage();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--eta 1 | DDPM | --eta | ddim",
        "--eta 0.5 | EULER | --eta | ddim",
        "--sampler ddim --shift 2 | DDPM | --shift | euler",
        "--sampler sde_euler --shift 2 | EULER | --shift | euler",
        "--last-step mean | EULER | --last-step | sde_euler",
        "--sampler heun2 --diffusion-form linear | EULER | --diffusion-form | sde_heun",
        "--rtol 0.1 | EULER | --rtol | dopri5",
        "--sampler rk4 --no-overshoot | EULER | --no-overshoot | dopri5",
      })
  void ofAnotherMethod(String options, SamplingMethod usual, String option, String whose) {
    Holder holder = holder(options);
    String message = refused(() -> holder.sampler.options(usual, false));
    assertTrue(message.contains(option + " "), message);
    assertTrue(message.contains(whose), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--sampler ddim --eta 1 | DDPM",
        "--shift 2 --guidance 2 --guidance-from 0.1 | EULER",
        "--sampler sde_heun --last-step none --diffusion-norm 2 | EULER",
        "--sampler dopri5 --shift 2 --atol 0.1 --no-overshoot | EULER",
      })
  void ofThisMethod(String options, SamplingMethod usual) {
    Holder holder = holder(options);
    assertDoesNotThrow(() -> holder.sampler.options(usual, false));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--guidance-from 0.5 | --guidance-from",
        "--guidance-to 0.5 --guidance 1 | --guidance-to",
        "--guidance-channels 1 | --guidance-channels",
        "--sampler sde_euler --last-step none --last-step-size 0.1 | --last-step-size",
        "--sampler dopri5 --steps 7 | --steps",
      })
  void ofWhatIsSwitchedOff(String options, String option) {
    Holder holder = holder(options);
    String message = refused(() -> holder.sampler.options(SamplingMethod.EULER, false));
    assertTrue(message.contains(option + " does nothing"), message);
  }

  @ParameterizedTest
  @CsvSource({"--shift 2, --shift", "--sampler sde_euler --diffusion-norm 2, --diffusion-norm"})
  void repasSamplersHaveNone(String options, String option) {
    Holder holder = holder(options);
    String message = refused(() -> holder.sampler.options(SamplingMethod.EULER, true));
    assertTrue(message.contains(option + " "), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--eta 1 | --eta",
        "--rtol 1 | --rtol",
        "--guidance-from 1 | --guidance-from",
        "--rolled | --rolled",
        "--order halton --gumbel-noise 2 | --gumbel-noise",
        "--order halton --mask-schedule linear | --mask-schedule",
      })
  void ofOtherGenerators(String options, String option) {
    Holder holder = holder(options);
    String message = refused(holder.sampler::codeOptions);
    assertTrue(message.contains(option), message);
  }

  @ParameterizedTest
  @CsvSource({
    "--sampler ddim --eta 1.5, 1.5",
    "--sampler ddim --eta -1, -1.0",
    "--sampler ddim --eta NaN, NaN"
  })
  void etaIsAShare(String options, String value) {
    Holder holder = holder(options);
    String message = refused(() -> holder.sampler.options(SamplingMethod.DDPM, false));
    assertTrue(message.contains("--eta " + value), message);
    assertTrue(message.contains("0 to 1"), message);
  }
}
