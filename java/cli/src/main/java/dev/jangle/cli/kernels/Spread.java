package dev.jangle.cli.kernels;

import java.util.Arrays;

/**
 * Times of one call, in microseconds: of all samples the least, the quartiles and the most. A
 * quartile that falls between two samples is weighed between them.
 */
public record Spread(
    int samples, double least, double lower, double median, double upper, double most) {

  static Spread of(double[] micros) {
    double[] sorted = micros.clone();
    Arrays.sort(sorted);
    return new Spread(
        sorted.length,
        sorted[0],
        quantile(sorted, 0.25),
        quantile(sorted, 0.5),
        quantile(sorted, 0.75),
        sorted[sorted.length - 1]);
  }

  private static double quantile(double[] sorted, double share) {
    double at = share * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }

  /** Width of the middle half, as a share of the median. */
  public double relative() {
    return (upper - lower) / median;
  }
}
