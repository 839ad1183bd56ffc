package dev.jangle.decode;

import java.util.Arrays;

/**
 * T(m): the time of a decoding step with m rows in flight, measured once on the loaded model.
 * Between measured points it is interpolated, and past them continued. Attention's share grows with
 * rows and context together. Immutable.
 */
public final class StepCosts {
  private final int[] rows;
  private final double[] nanos;
  private final double nanosPerRowAndPosition;
  private final int context;

  /**
   * @param rows measured numbers of rows, ascending, from 1
   * @param nanos times of these
   * @param context positions in the cache at these measurements
   * @param nanosPerRowAndPosition what one more position costs a row
   */
  StepCosts(int[] rows, double[] nanos, int context, double nanosPerRowAndPosition) {
    this.rows = rows.clone();
    this.nanos = nanos.clone();
    this.context = context;
    this.nanosPerRowAndPosition = Math.max(0, nanosPerRowAndPosition);
    // More rows never cost less; where a measurement says so, it was noise.
    for (int i = 1; i < this.nanos.length; i++) {
      this.nanos[i] = Math.max(this.nanos[i], this.nanos[i - 1]);
    }
  }

  /** The numbers of rows that were measured. */
  public int[] measuredRows() {
    return rows.clone();
  }

  /** Milliseconds of a step with {@code m} rows, in a short context. */
  public double millis(int m) {
    return nanos(m, context) / 1e6;
  }

  /** Nanoseconds of a step with {@code m} rows after {@code positions} tokens. */
  double nanos(int m, int positions) {
    return atContext(m) + nanosPerRowAndPosition * m * Math.max(0, positions - context);
  }

  private double atContext(int m) {
    int found = Arrays.binarySearch(rows, m);
    if (found >= 0) {
      return nanos[found];
    }
    if (rows.length == 1) {
      return nanos[0] * m;
    }
    int upper = Math.clamp(-found - 1, 1, rows.length - 1);
    double share = (double) (m - rows[upper - 1]) / (rows[upper] - rows[upper - 1]);
    return nanos[upper - 1] + share * (nanos[upper] - nanos[upper - 1]);
  }
}
