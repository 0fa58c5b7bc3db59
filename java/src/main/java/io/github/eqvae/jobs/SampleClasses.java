package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.tensor.Philox;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Which class a sample is of: a function of the seed and the sample's number. */
public sealed interface SampleClasses {
  /**
   * The label of a sample.
   *
   * @param seed of the samples
   * @param number which of them
   * @return a label, or {@link Generator#NO_LABEL}
   */
  int label(long seed, long number);

  /**
   * Each class is as likely as any other, as in the references.
   *
   * @param classes how many there are
   */
  record Uniform(int classes) implements SampleClasses {
    /** Keeps these numbers apart from all others drawn from the seed ("label" in ASCII). */
    private static final long DOMAIN = 0x6C6162656CL;

    @Override
    public int label(long seed, long number) {
      double u = Philox.uniform(Philox.block(seed ^ DOMAIN, number, 0)[0]);
      return Math.min(classes - 1, (int) (u * classes));
    }
  }

  /**
   * One after the other, over and over.
   *
   * @param labels in their order, {@link Generator#NO_LABEL} among them or not
   */
  record Listed(List<Integer> labels) implements SampleClasses {
    /** Copies the list. */
    public Listed {
      labels = List.copyOf(labels);
    }

    @Override
    public int label(long seed, long number) {
      return labels.get((int) (number % labels.size()));
    }
  }

  /**
   * Reads what a user asks for.
   *
   * @param text {@code uniform}, {@code balanced}, {@code none}, or numbers or names of classes
   *     with commas between
   * @param generator whose classes
   * @return the classes
   * @throws EqvaeException.Argument when it is none of the generator's
   */
  static SampleClasses of(String text, Generator generator) {
    return of(text, generator.config().classes(), generator.classNames());
  }

  /**
   * Reads what a user asks for.
   *
   * @param text as of {@link #of(String, Generator)}
   * @param classes how many the generator has
   * @param names what they are called; empty if that is not known
   * @return the classes
   * @throws EqvaeException.Argument when it is none of the generator's
   */
  static SampleClasses of(String text, int classes, List<String> names) {
    if (classes == 0 || text.equals("none")) {
      if (!text.matches("none|uniform")) {
        throw new EqvaeException.Argument(
            "--classes " + text + ": this generator has no classes; leave it out");
      }
      return new Listed(List.of(Generator.NO_LABEL));
    }
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "uniform" -> new Uniform(classes);
      case "balanced" -> {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < classes; i++) {
          all.add(i);
        }
        yield new Listed(all);
      }
      default -> {
        List<Integer> labels = new ArrayList<>();
        for (String word : text.split(",", -1)) {
          labels.add(label(word.strip(), classes, names));
        }
        yield new Listed(labels);
      }
    };
  }

  private static int label(String word, int classes, List<String> names) {
    int named = names.indexOf(word);
    if (named >= 0) {
      return named;
    }
    if (word.matches("\\d{1,9}") && Integer.parseInt(word) < classes) {
      return Integer.parseInt(word);
    }
    throw new EqvaeException.Argument(
        "--classes: '"
            + word
            + "' is none of the generator's classes, 0 to "
            + (classes - 1)
            + (names.isEmpty() ? "" : ": " + String.join(", ", names.stream().limit(20).toList()))
            + "; uniform, balanced and none are other choices");
  }
}
