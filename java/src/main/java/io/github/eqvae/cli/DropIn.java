package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.eval.LatentRange;
import io.github.eqvae.eval.Psnr;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Whether an autoencoder can replace another one in pipelines of that one's generators. Such a
 * generator makes the other's latents, so the question is how well this decoder reads them,
 * compared with the original decoder.
 *
 * @param images how many were measured
 * @param identical whether both have the same weights
 * @param difference root mean square of the difference of both latents, in deviations of the
 *     other's
 * @param own PSNR of the other's latents through its own decoder, in dB
 * @param swapped PSNR of the other's latents through this decoder
 * @param mine PSNR of this autoencoder by itself
 */
record DropIn(
    int images, boolean identical, double difference, double own, double swapped, double mine) {
  /**
   * Thresholds of the lost PSNR: a loss below the first is not visible; above the second the
   * picture looks different.
   */
  private static final double UNSEEN = 0.5;

  private static final double VISIBLE = 2;

  /** Unrelated latents differ by 1.4 deviations; from 1 on they have little in common. */
  private static final double FAR = 1;

  /** At twice the error (6 dB) of its own latents, this decoder misreads the other's. */
  private static final double MISREAD = 6;

  /**
   * A picture's mean colour alone is nearly this good, so such a decoder says nothing about
   * another.
   */
  private static final double POOR = 15;

  /**
   * Measures the two autoencoders.
   *
   * @param names of the two autoencoders, for messages
   * @param mine the autoencoder that is to stand in
   * @param theirs the one whose generators there are
   * @param pictures to encode
   * @param cut makes squares of them
   * @param count how many of them
   * @param batch how many at once
   * @throws EqvaeException.Argument if their latents have different shapes, so that nothing fits,
   *     or are the same everywhere
   */
  static DropIn measure(
      List<String> names,
      Vae mine,
      Vae theirs,
      ImageFolder pictures,
      Squares cut,
      int count,
      int batch)
      throws IOException {
    requireSameShape(mine, theirs);
    double[] psnr = new double[3];
    double squares = 0;
    double sum = 0;
    double sumSquares = 0;
    long values = 0;
    List<LatentRange> range =
        List.of(new LatentRange(mine.latentChannels()), new LatentRange(theirs.latentChannels()));
    int done = 0;
    for (int from = 0; from < count; from += batch) {
      List<Image> images = new ArrayList<>();
      for (int i = from; i < Math.min(count, from + batch); i++) {
        try {
          images.add(cut.load(pictures, i).withChannels(mine.imageChannels()));
        } catch (PassingIoException e) {
          throw e;
        } catch (IOException e) {
          continue; // the folder has reported it
        }
      }
      if (images.isEmpty()) {
        continue;
      }
      ImageBatch x = ImageBatch.ofImages(images);
      Latents a = mine.encode(x);
      Latents b = theirs.encode(x);
      range.getFirst().add(a.values());
      range.getLast().add(b.values());
      for (int i = 0; i < a.values().length; i++) {
        double v = b.values()[i];
        squares += (a.values()[i] - v) * (a.values()[i] - v);
        sum += v;
        sumSquares += v * v;
      }
      values += a.values().length;
      psnr[0] += psnr(x, theirs.decode(b));
      psnr[1] += psnr(x, mine.decode(b));
      psnr[2] += psnr(x, mine.decode(a));
      done += images.size();
    }
    if (done == 0) {
      throw new EqvaeException.Argument("None of the pictures can be decoded");
    }
    range.getFirst().requireContent(names.getFirst());
    range.getLast().requireContent(names.getLast());
    double mean = sum / values;
    double std = Math.sqrt(Math.max(Double.MIN_NORMAL, sumSquares / values - mean * mean));
    boolean identical = mine.weightsHash().equals(theirs.weightsHash());
    return new DropIn(
        done,
        identical,
        Math.sqrt(squares / values) / std,
        psnr[0] / done,
        psnr[1] / done,
        psnr[2] / done);
  }

  private static void requireSameShape(Vae mine, Vae theirs) {
    if (mine.latentChannels() != theirs.latentChannels()
        || mine.downsamplingFactor() != theirs.downsamplingFactor()
        || mine.imageChannels() != theirs.imageChannels()) {
      throw new EqvaeException.Argument(
          "It does not fit: latents of f%d with %d channels, the other's of f%d with %d"
              .formatted(
                  mine.downsamplingFactor(),
                  mine.latentChannels(),
                  theirs.downsamplingFactor(),
                  theirs.latentChannels()));
    }
  }

  private static double psnr(ImageBatch x, ImageBatch y) {
    int each = x.pixels().length / x.count();
    double total = 0;
    for (int i = 0; i < x.count(); i++) {
      total +=
          Psnr.uint8(
              java.util.Arrays.copyOfRange(x.pixels(), i * each, (i + 1) * each),
              java.util.Arrays.copyOfRange(y.pixels(), i * each, (i + 1) * each));
    }
    return total;
  }

  /** The loss for a generator of the other autoencoder, in dB. */
  double cost() {
    return own == swapped ? 0 : own - swapped; // both may be infinite
  }

  /**
   * The verdict in words. A loss says nothing if the other decoder is poor itself, so it is checked
   * last.
   */
  String verdict() {
    if (identical && difference == 0 && own == swapped) {
      return "fits: both have the same weights, so generators of the other can be used as they are";
    }
    if (difference >= FAR) {
      return String.format(
          Locale.ROOT,
          "does not fit: the latents are %.2f deviations apart; train the generator on these",
          difference);
    }
    if (mine - swapped >= MISREAD) {
      return String.format(
          Locale.ROOT,
          "does not fit: this decoder reads the other's latents %.2f dB worse than its own; train"
              + " or fine-tune the generator on these latents",
          mine - swapped);
    }
    if (!(own >= POOR)) {
      return String.format(
          Locale.ROOT,
          "cannot be told, because the other reaches only %.2f dB by itself: measure with pictures"
              + " that it was made for",
          own);
    }
    return cost() <= UNSEEN
        ? "fits: generators of the other can be used as they are"
        : cost() <= VISIBLE
            ? "fits nearly: generators of the other work with a visible loss; fine-tune them"
            : "does not fit: train or fine-tune the generator on these latents";
  }

  String text() {
    StringBuilder out = new StringBuilder();
    out.append(String.format(Locale.ROOT, "%-44s %d%n", "images", images));
    out.append(String.format(Locale.ROOT, "%-44s %s%n", "same weights", identical ? "yes" : "no"));
    out.append(
        String.format(
            Locale.ROOT, "%-44s %.4f%n", "difference of the latents, in deviations", difference));
    out.append(row("PSNR, the other's latents, its decoder", own));
    out.append(row("PSNR, the other's latents, this decoder", swapped));
    out.append(row("PSNR, this autoencoder by itself", mine));
    out.append(row("what generators of the other lose", cost()));
    return out.append(String.format(Locale.ROOT, "%-44s %s%n", "drop-in", verdict())).toString();
  }

  private static String row(String what, double db) {
    return String.format(Locale.ROOT, "%-44s %.2f dB%n", what, db);
  }

  /** The same as JSON. */
  String json() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("images", images);
    map.put("same_weights", identical);
    map.put("latent_difference", difference);
    map.put("psnr_other", own);
    map.put("psnr_swapped", swapped);
    map.put("psnr_own", mine);
    map.put("loss_db", cost());
    map.put("verdict", verdict());
    return ResultFile.text("eqvae-drop-in", map);
  }
}
