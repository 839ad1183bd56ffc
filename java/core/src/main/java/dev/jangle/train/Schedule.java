package dev.jangle.train;

/**
 * The learning rate of each step: a linear warm-up, then half a cosine down to a tenth (Loshchilov
 * and Hutter, "SGDR", 2017).
 *
 * @param peak the highest rate
 * @param warmUp steps of the warm-up, fewer than {@code steps}
 * @param steps of the run
 */
record Schedule(double peak, int warmUp, int steps) {
  private static final double LAST = 0.1;

  Schedule {
    if (!(peak > 0) || Double.isInfinite(peak)) {
      throw new IllegalArgumentException(
          "the learning rate is " + peak + "; expected a number above 0");
    }
    if (steps < 1 || warmUp < 0 || warmUp >= steps) {
      throw new IllegalArgumentException(
          "%d steps of warm-up in a run of %d; expected at least 1 step, and fewer for the warm-up"
              .formatted(warmUp, steps));
    }
  }

  /**
   * The rate of a step.
   *
   * @param step from 0
   */
  double rate(int step) {
    if (step < warmUp) {
      return peak * (step + 1) / (warmUp + 1);
    }
    double part = (double) (step - warmUp) / (steps - warmUp);
    return peak * (LAST + (1 - LAST) * 0.5 * (1 + Math.cos(Math.PI * part)));
  }

  /** How much of the run lies behind this step, from 0 to 1. */
  double progress(int step) {
    return (double) step / steps;
  }
}
