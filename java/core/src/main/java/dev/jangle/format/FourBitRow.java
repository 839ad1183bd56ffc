package dev.jangle.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A row of Q4_0 or Q4_1 while its numbers are chosen. A block of 32 elements has a grid, 16 values
 * at equal distances: {@code scale * (q - 8)} in Q4_0, {@code scale * q + least} in Q4_1, for q in
 * [0, 15]; scale and least are values of F16. A negative scale turns Q4_0's grid, which reaches
 * further below zero than above, around.
 *
 * <p>A new grid is searched for a small sum of squared errors, like {@code make_qx_quants} and
 * {@code make_qkx2_quants} of llama.cpp: for some trial scales the elements are rounded, and the
 * best grid for these integers follows in closed form (least squares). The best of the trials is
 * then rounded and fitted again some times. Not thread-safe.
 */
final class FourBitRow {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 32;

  /** Trial scales: the one that just spans the values, times 0.80 to 1.10 in steps of 0.025. */
  private static final int TRIALS = 13;

  private static final int REFITS = 3;

  private final DType dtype;

  /** The integer that stands for zero in Q4_0, for the least value in Q4_1. */
  private final int zero;

  private final float[] scales;

  /** 1 / scale; 0 where that is 0. */
  private final float[] inverses;

  private final float[] leasts;
  private final int[] integers;

  /** Integers of one trial. */
  private final int[] trial = new int[BLOCK];

  /**
   * @param dtype Q4_0 or Q4_1
   * @param cols elements of the row
   */
  FourBitRow(DType dtype, int cols) {
    if (dtype != DType.Q4_0 && dtype != DType.Q4_1) {
      throw new IllegalArgumentException(dtype + " has no 4-bit grid");
    }
    this.dtype = dtype;
    this.zero = dtype == DType.Q4_0 ? 8 : 0;
    this.scales = new float[cols / BLOCK];
    this.inverses = new float[cols / BLOCK];
    this.leasts = new float[cols / BLOCK];
    this.integers = new int[cols];
  }

  int blocks() {
    return scales.length;
  }

  /** The value of an element, with the roundings of {@link TensorFloats}. */
  float value(int element) {
    return value(element / BLOCK, integers[element]);
  }

  private float value(int block, int q) {
    return scales[block] * (q - zero) + leasts[block];
  }

  /** Takes the grids of a row, without its integers. */
  void readGrids(MemorySegment row) {
    for (int block = 0; block < scales.length; block++) {
      long at = (long) block * dtype.blockBytes();
      float scale = Float.float16ToFloat(row.get(SHORT, at));
      float least = dtype == DType.Q4_1 ? Float.float16ToFloat(row.get(SHORT, at + 2)) : 0;
      setGrid(block, scale, least);
    }
  }

  private void setGrid(int block, float scale, float least) {
    scales[block] = scale;
    inverses[block] = scale == 0 ? 0 : 1 / scale;
    leasts[block] = least;
  }

  /** Whether no value is further than half a step outside of the block's grid. */
  boolean spans(int block, float[] values) {
    float first = value(block, 0);
    float last = value(block, 15);
    float margin = 0.5f * Math.abs(scales[block]);
    float low = Math.min(first, last) - margin;
    float high = Math.max(first, last) + margin;
    for (int i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      if (!(values[i] >= low && values[i] <= high)) {
        return false;
      }
    }
    return true;
  }

  /** Rounds an element to the nearest value of its grid. */
  void round(int element, float value) {
    int block = element / BLOCK;
    integers[element] = nearest((value - leasts[block]) * inverses[block] + zero);
  }

  private void round(int block, float[] values) {
    for (int i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      round(i, values[i]);
    }
  }

  private static int nearest(float steps) {
    return Math.clamp((int) (steps + 0.5f), 0, 15);
  }

  /**
   * Chooses a block's grid and integers.
   *
   * @throws IllegalArgumentException if a value is not finite, or too large for a scale of F16
   */
  void fit(int block, float[] values) {
    if (dtype == DType.Q4_0) {
      fitAroundZero(block, values);
    } else {
      fitFromLeast(block, values);
    }
    requireFinite(block, values);
    round(block, values);
    for (int n = 0; n < REFITS; n++) {
      refit(block, values);
    }
  }

  private void fitAroundZero(int block, float[] values) {
    int start = block * BLOCK;
    float extreme = 0;
    for (int i = start; i < start + BLOCK; i++) {
      extreme = Math.abs(values[i]) > Math.abs(extreme) ? values[i] : extreme;
    }
    setGrid(block, 0, 0);
    double best = 0;
    for (int n = 0; n < 2 * TRIALS && extreme != 0; n++) {
      // The extreme at the grid's long end (-8), or at its short one (7).
      float end = n < TRIALS ? -8 : 7;
      float inverse = end / (extreme * factor(n % TRIALS));
      float products = 0;
      int squares = 0;
      for (int i = start; i < start + BLOCK; i++) {
        int q = nearest(values[i] * inverse + 8) - 8;
        products += q * values[i];
        squares += q * q;
      }
      double gain = squares == 0 ? 0 : (double) products * products / squares;
      if (gain > best) {
        best = gain;
        setGrid(block, half(products / squares), 0);
      }
    }
  }

  private void fitFromLeast(int block, float[] values) {
    int start = block * BLOCK;
    float low = values[start];
    float high = low;
    for (int i = start; i < start + BLOCK; i++) {
      low = Math.min(low, values[i]);
      high = Math.max(high, values[i]);
    }
    setGrid(block, 0, half(0.5f * low + 0.5f * high));
    double best = 0;
    for (int n = 0; n < 3 * TRIALS && high > low; n++) {
      float scale = (high - low) / 15 * factor(n % TRIALS);
      // A narrower grid leaves out values at its upper end, at both, or at its lower one.
      int side = n / TRIALS;
      float first = low + 0.5f * side * (high - low - 15 * scale);
      float inverse = 1 / scale;
      for (int i = 0; i < BLOCK; i++) {
        trial[i] = nearest((values[start + i] - first) * inverse);
      }
      best = leastSquares(block, values, low, best);
    }
  }

  private static float factor(int trial) {
    return 0.80f + 0.025f * trial;
  }

  /**
   * Sets the grid that is best for the trial's integers, if it explains more than the best so far:
   * cov(q, x)^2 / var(q), what the fit takes off the sum of squares.
   *
   * @param origin what is subtracted from all values, against cancellation
   */
  private double leastSquares(int block, float[] values, float origin, double best) {
    int start = block * BLOCK;
    int sum = 0;
    int squares = 0;
    double total = 0;
    double products = 0;
    for (int i = 0; i < BLOCK; i++) {
      int q = trial[i];
      float x = values[start + i] - origin;
      sum += q;
      squares += q * q;
      total += x;
      products += q * x;
    }
    int variance = BLOCK * squares - sum * sum;
    double covariance = BLOCK * products - sum * total;
    double gain = variance == 0 ? 0 : covariance * covariance / variance;
    if (!(gain > best)) {
      return best;
    }
    double scale = covariance / variance;
    setGrid(block, half((float) scale), half((float) (origin + (total - scale * sum) / BLOCK)));
    return gain;
  }

  /** Fits the grid to the block's integers once more, if that makes the error smaller. */
  private void refit(int block, float[] values) {
    float scale = scales[block];
    float least = leasts[block];
    int start = block * BLOCK;
    double before = error(block, values);
    System.arraycopy(integers, start, trial, 0, BLOCK);
    if (dtype == DType.Q4_1) {
      leastSquares(block, values, least, 0);
    } else {
      float products = 0;
      int squares = 0;
      for (int i = start; i < start + BLOCK; i++) {
        products += (integers[i] - 8) * values[i];
        squares += (integers[i] - 8) * (integers[i] - 8);
      }
      setGrid(block, squares == 0 ? 0 : half(products / squares), 0);
    }
    round(block, values);
    if (!(error(block, values) < before)) {
      setGrid(block, scale, least);
      System.arraycopy(trial, 0, integers, start, BLOCK);
    }
  }

  private double error(int block, float[] values) {
    double sum = 0;
    for (int i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      double difference = value(i) - values[i];
      sum += difference * difference;
    }
    return sum;
  }

  private static float half(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }

  private void requireFinite(int block, float[] values) {
    for (int i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "has the value " + values[i] + ", which " + dtype + " cannot hold");
      }
    }
    if (!Float.isFinite(scales[block]) || !Float.isFinite(leasts[block])) {
      float[] of = Arrays.copyOfRange(values, block * BLOCK, (block + 1) * BLOCK);
      throw new IllegalArgumentException(
          "has values around " + of[0] + ", too large for a scale of " + dtype);
    }
  }

  /** Writes the row's bytes. */
  void write(MemorySegment row) {
    int header = dtype == DType.Q4_0 ? 2 : 4;
    for (int block = 0; block < scales.length; block++) {
      long at = (long) block * dtype.blockBytes();
      row.set(SHORT, at, Float.floatToFloat16(scales[block]));
      if (dtype == DType.Q4_1) {
        row.set(SHORT, at + 2, Float.floatToFloat16(leasts[block]));
      }
      int start = block * BLOCK;
      for (int i = 0; i < BLOCK / 2; i++) {
        int pair = integers[start + i] | integers[start + i + BLOCK / 2] << 4;
        row.set(JAVA_BYTE, at + header + i, (byte) pair);
      }
    }
  }
}
