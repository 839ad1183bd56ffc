package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LowRankRoundingTest {
  private static final int RANK = 3;
  private static final int COLS = 64;

  private final Random random = new Random(5);

  private float[] gaussian(int n, double deviation) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  private static FourBitRow grids(DType dtype, float[] row) {
    FourBitRow numbers = new FourBitRow(dtype, row.length);
    for (int block = 0; block < numbers.blocks(); block++) {
      numbers.fit(block, row);
    }
    return numbers;
  }

  /**
   * Column by column, the free ones solved for in float64 from the weighing itself: H = I + weight
   * P, with P the projection on the rows of A, by the normal equations of A.
   */
  private static double[] reference(float[] a, float[] values, FourBitRow grid) {
    double[][] gram = new double[RANK][RANK];
    for (int k = 0; k < RANK; k++) {
      for (int l = 0; l < RANK; l++) {
        for (int j = 0; j < COLS; j++) {
          gram[k][l] += (double) a[k * COLS + j] * a[l * COLS + j];
        }
      }
    }
    double[][] h = new double[COLS][COLS];
    for (int j = 0; j < COLS; j++) {
      double[] column = new double[RANK];
      for (int k = 0; k < RANK; k++) {
        column[k] = a[k * COLS + j];
      }
      double[] solved = solve(gram, column);
      for (int i = 0; i < COLS; i++) {
        h[i][j] = i == j ? 1 : 0;
        for (int k = 0; k < RANK; k++) {
          h[i][j] += (double) COLS / RANK * a[k * COLS + i] * solved[k];
        }
      }
    }
    double[] errors = new double[COLS];
    for (int j = 0; j < COLS; j++) {
      // Free: j and all after it. H_free e = -H_fixed errors.
      int free = COLS - j;
      double[][] left = new double[free][free];
      double[] right = new double[free];
      for (int r = 0; r < free; r++) {
        System.arraycopy(h[j + r], j, left[r], 0, free);
        for (int i = 0; i < j; i++) {
          right[r] -= h[j + r][i] * errors[i];
        }
      }
      double wanted = solve(left, right)[0];
      grid.round(j, (float) (values[j] + wanted));
      errors[j] = grid.value(j) - values[j];
    }
    return errors;
  }

  /** Gaussian elimination with the largest pivot. */
  private static double[] solve(double[][] matrix, double[] right) {
    int n = right.length;
    double[][] m = new double[n][];
    for (int i = 0; i < n; i++) {
      m[i] = Arrays.copyOf(matrix[i], n + 1);
      m[i][n] = right[i];
    }
    for (int k = 0; k < n; k++) {
      int pivot = k;
      for (int i = k; i < n; i++) {
        pivot = Math.abs(m[i][k]) > Math.abs(m[pivot][k]) ? i : pivot;
      }
      double[] swap = m[k];
      m[k] = m[pivot];
      m[pivot] = swap;
      for (int i = k + 1; i < n; i++) {
        double factor = m[i][k] / m[k][k];
        for (int j = k; j <= n; j++) {
          m[i][j] -= factor * m[k][j];
        }
      }
    }
    double[] x = new double[n];
    for (int k = n - 1; k >= 0; k--) {
      double sum = m[k][n];
      for (int j = k + 1; j < n; j++) {
        sum -= m[k][j] * x[j];
      }
      x[k] = sum / m[k][k];
    }
    return x;
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q4_1"})
  void correctionsAreThoseOfTheWeighing(DType dtype) {
    for (int trial = 0; trial < 20; trial++) {
      float[] a = gaussian(RANK * COLS, 1);
      float[] values = gaussian(COLS, 0.1);
      FourBitRow row = grids(dtype, values);
      new LowRankRounding(a, RANK, COLS).round(new float[][] {values}, new FourBitRow[] {row});
      double[] errors = reference(a, values, grids(dtype, values));
      for (int j = 0; j < COLS; j++) {
        assertEquals(errors[j], row.value(j) - values[j], 1e-7, "column " + j);
      }
    }
  }

  @Test
  void dependentRowsCountOnce() {
    float[] one = gaussian(COLS, 1);
    float[] twice = new float[2 * COLS];
    for (int j = 0; j < COLS; j++) {
      twice[j] = one[j];
      twice[COLS + j] = -3 * one[j];
    }
    float[] values = gaussian(COLS, 0.1);
    FourBitRow first = grids(DType.Q4_1, values);
    FourBitRow second = grids(DType.Q4_1, values);
    new LowRankRounding(one, 1, COLS).round(new float[][] {values}, new FourBitRow[] {first});
    new LowRankRounding(twice, 2, COLS).round(new float[][] {values}, new FourBitRow[] {second});
    for (int j = 0; j < COLS; j++) {
      assertEquals(first.value(j), second.value(j));
    }
    FourBitRow nearest = grids(DType.Q4_1, values);
    FourBitRow zero = grids(DType.Q4_1, values);
    new LowRankRounding(new float[COLS], 1, COLS)
        .round(new float[][] {values}, new FourBitRow[] {zero});
    for (int j = 0; j < COLS; j++) {
      assertEquals(nearest.value(j), zero.value(j));
    }
  }

  /** The change's own part of what became of it, and the error's length per step. */
  private record Survival(double part, double noise) {}

  private static Survival survival(float[] before, float[] change, float[] after, double step) {
    double part = 0;
    double whole = 0;
    double noise = 0;
    for (int i = 0; i < before.length; i++) {
      double moved = (double) after[i] - before[i];
      part += moved * change[i];
      whole += (double) change[i] * change[i];
      noise += (moved - change[i]) * (moved - change[i]);
    }
    return new Survival(part / whole, Math.sqrt(noise / before.length) / step);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q4_1"})
  void aChangeBelowHalfAStepSurvives(DType dtype) {
    int rows = 64;
    int cols = 576;
    int rank = 8;
    float[] w = gaussian(rows * cols, 0.1);
    Tensor base = Tensor.of("w", dtype, new long[] {rows, cols}, w);
    float[] before = TensorFloats.of(base);
    double step = 0.026; // about
    float[] a = gaussian(rank * cols, 1);
    float[] b = gaussian(rows * rank, 0.1 * step / Math.sqrt(rank));
    float[] change = new float[rows * cols];
    float[] sum = before.clone();
    for (int i = 0; i < change.length; i++) {
      for (int k = 0; k < rank; k++) {
        change[i] += b[i / cols * rank + k] * a[k * cols + i % cols];
      }
      sum[i] += change[i];
    }
    float[] nearest = new float[sum.length];
    float[] rounded = new float[sum.length];
    LowRankRounding rounding = new LowRankRounding(a, rank, cols);
    for (int row = 0; row < rows; row++) {
      long bytes = dtype.bytes(cols);
      FourBitRow numbers = new FourBitRow(dtype, cols);
      numbers.readGrids(base.data().asSlice(row * bytes, bytes));
      float[] of = Arrays.copyOfRange(sum, row * cols, (row + 1) * cols);
      for (int j = 0; j < cols; j++) {
        numbers.round(j, of[j]);
        nearest[row * cols + j] = numbers.value(j);
      }
      rounding.round(new float[][] {of}, new FourBitRow[] {numbers});
      for (int j = 0; j < cols; j++) {
        rounded[row * cols + j] = numbers.value(j);
      }
    }
    Survival lost = survival(before, change, nearest, step);
    Survival kept = survival(before, change, rounded, step);
    System.out.printf("%s: nearest %s, low rank %s%n", dtype, lost, kept);
    assertTrue(lost.part() < 0.1, lost.toString());
    assertEquals(1, kept.part(), 0.1);
    // A new rounding of everything would add 1 / sqrt(12) = 0.289 steps.
    assertTrue(kept.noise() < 0.289, kept.toString());
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q4_1"})
  void whatDoesNotChangeKeepsItsBits(DType dtype) {
    float[] a = gaussian(RANK * COLS, 1);
    Tensor base = Tensor.of("w", dtype, new long[] {4, COLS}, gaussian(4 * COLS, 0.1));
    long bytes = dtype.bytes(COLS);
    for (int row = 0; row < 4; row++) {
      FourBitRow numbers = new FourBitRow(dtype, COLS);
      numbers.readGrids(base.data().asSlice(row * bytes, bytes));
      float[] values = new float[COLS];
      TensorFloats.read(base, (long) row * COLS, values);
      new LowRankRounding(a, RANK, COLS).round(new float[][] {values}, new FourBitRow[] {numbers});
      byte[] found = new byte[(int) bytes];
      numbers.write(MemorySegment.ofArray(found));
      assertArrayEquals(
          base.data().asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_BYTE), found);
    }
  }
}
