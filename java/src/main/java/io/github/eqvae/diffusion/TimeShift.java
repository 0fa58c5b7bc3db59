package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * Grids of times for samplers, with a shift s that makes one end denser: t' = s·t / (1 + (s − 1)·t)
 * (Esser et al. 2024, equation 23; hustvl/LightningDiT, {@code transport/integrators.py}, {@code
 * timestep_shift}).
 */
public final class TimeShift {
  private TimeShift() {}

  /**
   * A grid of times, computed in single precision from both ends, as torch.linspace does: these are
   * the reference's times to the bit.
   *
   * @param from the first time
   * @param to the last time
   * @param count number of times, at least 2: one more than the steps
   * @param shift s; 1 gives evenly spaced times, a value below 1 puts more of them near 0
   * @return the times
   * @throws EqvaeException.Argument when there are fewer than 2, or the shift is not above 0
   */
  public static double[] grid(double from, double to, int count, double shift) {
    if (count < 2 || !(shift > 0) || Double.isInfinite(shift)) {
      throw new EqvaeException.Argument(
          "A grid needs at least 2 times and a shift above 0; got "
              + count
              + " times and a shift of "
              + shift);
    }
    double[] times = new double[count];
    float s = (float) shift;
    float start = (float) from;
    float end = (float) to;
    float step = (end - start) / (count - 1);
    for (int i = 0; i < count; i++) {
      float t = i < count / 2 ? start + step * i : end - step * (count - 1 - i);
      times[i] = s * t / (1 + (s - 1) * t);
    }
    return times;
  }
}
