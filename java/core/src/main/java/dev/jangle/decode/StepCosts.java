package dev.jangle.decode;

import java.util.Arrays;

/**
 * T(m): the time of a decoding step with m rows in flight, measured on the loaded model and
 * corrected by every step that is decoded. Between measured points it is interpolated; past the
 * last one a step counts as costing in proportion to its rows. Attention's share grows with rows
 * and context together. Thread-safe.
 */
public final class StepCosts {
  /**
   * Share of a new sample in an estimate: slow enough for noise, fast enough for a change of load.
   */
  private static final double RATE = 0.05;

  private final int[] rows;
  private final double nanosPerRowAndPosition;
  private final double[] estimates;
  private volatile double[] monotone;

  /**
   * The result of a measurement in an empty context.
   *
   * @param rows measured numbers of rows, ascending, from 1
   * @param nanos times of these
   * @param nanosPerRowAndPosition what one more position costs a row
   */
  StepCosts(int[] rows, double[] nanos, double nanosPerRowAndPosition) {
    this.rows = rows.clone();
    this.estimates = nanos.clone();
    this.nanosPerRowAndPosition = Math.max(0, nanosPerRowAndPosition);
    this.monotone = monotone(nanos);
  }

  /** More rows never cost less; where figures say so, the smaller number was disturbed. */
  private static double[] monotone(double[] nanos) {
    double[] result = nanos.clone();
    for (int i = result.length - 1; i > 0; i--) {
      result[i - 1] = Math.min(result[i - 1], result[i]);
    }
    return result;
  }

  /** The numbers of rows that were measured. */
  public int[] measuredRows() {
    return rows.clone();
  }

  /** Milliseconds of a step with {@code m} rows, in an empty context. */
  public double millis(int m) {
    return nanos(m, 0) / 1e6;
  }

  /** Nanoseconds of a step with {@code m} rows after {@code positions} tokens. */
  double nanos(int m, int positions) {
    return inEmptyContext(m) + attention(m, positions);
  }

  private double attention(int m, int positions) {
    return nanosPerRowAndPosition * m * positions;
  }

  private double inEmptyContext(int m) {
    double[] nanos = monotone;
    int last = rows.length - 1;
    if (m >= rows[last]) {
      return nanos[last] * m / rows[last];
    }
    int upper = upper(m);
    double share = (double) (m - rows[upper - 1]) / (rows[upper] - rows[upper - 1]);
    return nanos[upper - 1] + share * (nanos[upper] - nanos[upper - 1]);
  }

  /** Index of the first measured point past m. */
  private int upper(int m) {
    int found = Arrays.binarySearch(rows, m);
    return found >= 0 ? found + 1 : -found - 1;
  }

  /**
   * Corrects the estimates by a step that was decoded.
   *
   * @param m its rows
   * @param positions tokens before it
   * @param nanos its time
   */
  synchronized void observe(int m, int positions, long nanos) {
    int last = rows.length - 1;
    if (m > rows[last]) {
      return;
    }
    // A step that was interrupted by something else may take any time; it counts as twice at most.
    double ratio = Math.clamp((nanos - attention(m, positions)) / inEmptyContext(m), 0.5, 2);
    int upper = Math.min(upper(m), last);
    int lower = Math.max(0, upper - 1);
    double share = upper == lower ? 1 : (double) (m - rows[lower]) / (rows[upper] - rows[lower]);
    correct(lower, 1 - share, ratio);
    if (upper != lower) {
      correct(upper, share, ratio);
    }
    monotone = monotone(estimates);
  }

  private void correct(int index, double weight, double ratio) {
    estimates[index] += RATE * weight * (ratio * monotone[index] - estimates[index]);
  }
}
