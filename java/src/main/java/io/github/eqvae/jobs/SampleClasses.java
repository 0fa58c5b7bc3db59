package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Notices;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.tensor.Philox;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The class of each sample: a function of the seed and the sample's number. */
public sealed interface SampleClasses {
  /**
   * The label of a sample.
   *
   * @param seed seed of the samples
   * @param number number of the sample
   * @return a label, or {@link Generator#NO_LABEL}
   */
  int label(long seed, long number);

  /**
   * Classes are drawn uniformly, as in the references.
   *
   * @param classes number of classes
   */
  record Uniform(int classes) implements SampleClasses {
    /** Separates these random numbers from all others of the seed ("label" in ASCII). */
    private static final long DOMAIN = 0x6C6162656CL;

    @Override
    public int label(long seed, long number) {
      double u = Philox.uniform(Philox.block(seed ^ DOMAIN, number, 0)[0]);
      return Math.min(classes - 1, (int) (u * classes));
    }
  }

  /**
   * Labels from a list, which is repeated.
   *
   * @param labels the labels in order; {@link Generator#NO_LABEL} is possible
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
   * Parses a user's choice.
   *
   * @param text {@code uniform}, {@code balanced}, {@code none}, or numbers or names of classes,
   *     separated by commas
   * @param generator the generator
   * @return the classes
   * @throws EqvaeException.Argument when the generator has no such class
   */
  static SampleClasses of(String text, Generator generator) {
    return of(text, generator.config().classes(), generator.classNames());
  }

  /**
   * Parses a user's choice.
   *
   * @param text as for {@link #of(String, Generator)}
   * @param classes number of the generator's classes
   * @param names their names; empty if they are unknown
   * @return the classes
   * @throws EqvaeException.Argument when the generator has no such class
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
    boolean isNumber = word.matches("\\d{1,9}");
    if (named >= 0) {
      if (isNumber && Integer.parseInt(word) != named) {
        Notices.once(
            "classes whose names are numbers",
            "--classes: '"
                + word
                + "' is the class of that name, whose label is "
                + named
                + ". Classes are named by numbers here: labels are their places in the order of"
                + " names");
      }
      return named;
    }
    if (isNumber && Integer.parseInt(word) < classes) {
      return Integer.parseInt(word);
    }
    throw new EqvaeException.Argument(
        "--classes: '"
            + word
            + "' is not one of the generator's classes, 0 to "
            + (classes - 1)
            + (names.isEmpty() ? "" : ": " + String.join(", ", names.stream().limit(20).toList()))
            + "; other choices are uniform, balanced and none");
  }
}
