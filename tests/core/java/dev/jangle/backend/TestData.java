package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.format.DType;
import dev.jangle.format.TensorBytes;
import java.util.Arrays;
import java.util.Random;

/** Inputs of the tests, and comparisons of their results. */
final class TestData {
  /** Unit in the last place of 1. */
  private static final double ULP = 0x1p-23;

  private TestData() {}

  /** Normal deviates. */
  static float[][] normals(long seed, int rows, int cols) {
    Random random = new Random(seed);
    float[][] values = new float[rows][cols];
    for (float[] row : values) {
      for (int j = 0; j < cols; j++) {
        row[j] = (float) random.nextGaussian();
      }
    }
    return values;
  }

  /** Whole numbers from -most to most. */
  static float[][] integers(long seed, int rows, int cols, int most) {
    Random random = new Random(seed);
    float[][] values = new float[rows][cols];
    for (float[] row : values) {
      for (int j = 0; j < cols; j++) {
        row[j] = random.nextInt(-most, most + 1);
      }
    }
    return values;
  }

  /** Ids below a vocabulary's size. */
  static int[] tokens(long seed, int rows, int vocab) {
    return new Random(seed).ints(rows, 0, vocab).toArray();
  }

  /** The pages 0 to count in random order. */
  static int[] shuffledPages(long seed, int count) {
    Random random = new Random(seed);
    int[] pages = new int[count];
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      pages[i] = pages[j];
      pages[j] = i;
    }
    return pages;
  }

  /** The rows as a file has them, nearest values of the format. */
  static byte[] encode(DType dtype, float[][] rows) {
    int cols = rows[0].length;
    float[] flat = new float[rows.length * cols];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, flat, i * cols, cols);
    }
    return TensorBytes.of(dtype, flat);
  }

  static float[][] copy(float[][] rows) {
    return Arrays.stream(rows).map(float[]::clone).toArray(float[][]::new);
  }

  /** Fails unless every bit is the same. */
  static void assertBits(float[] expected, float[] found, String what) {
    if (expected.length != found.length) {
      fail("%s: %d elements, expected %d".formatted(what, found.length, expected.length));
    }
    for (int j = 0; j < expected.length; j++) {
      if (Float.floatToRawIntBits(expected[j]) != Float.floatToRawIntBits(found[j])) {
        fail(
            "%s, element %d: %s (%08x), expected %s (%08x)"
                .formatted(
                    what,
                    j,
                    found[j],
                    Float.floatToRawIntBits(found[j]),
                    expected[j],
                    Float.floatToRawIntBits(expected[j])));
      }
    }
  }

  static void assertBits(float[][] expected, float[][] found, String what) {
    if (expected.length != found.length) {
      fail("%s: %d rows, expected %d".formatted(what, found.length, expected.length));
    }
    for (int i = 0; i < expected.length; i++) {
      assertBits(expected[i], found[i], what + ", row " + i);
    }
  }

  /** Fails unless every value is the same number; -0 is 0, NaN is nothing. */
  static void assertValues(double[][] expected, float[][] found, String what) {
    for (int i = 0; i < expected.length; i++) {
      for (int j = 0; j < expected[i].length; j++) {
        if (!(expected[i][j] == found[i][j])) {
          fail("%s, [%d][%d]: %s, expected %s".formatted(what, i, j, found[i][j], expected[i][j]));
        }
      }
    }
  }

  /**
   * Fails unless the error is at most twice that of the naive float32 loop plus 4 units in the last
   * place of the largest result. A NaN never passes.
   */
  static void assertNear(double[][] exact, float[][] naive, float[][] found, String what) {
    assertNear(exact, naive, found, 0, what);
  }

  /** The same with so much more, for a kernel that rounds what the naive loop does not. */
  static void assertNear(
      double[][] exact, float[][] naive, float[][] found, double rounding, String what) {
    double bound = 2 * largestError(exact, naive) + 4 * ULP * largest(exact) + rounding;
    double error = largestError(exact, found);
    if (!(error <= bound)) {
      fail("%s: error %.3g, the bound is %.3g".formatted(what, error, bound));
    }
  }

  /** Infinite where a value is NaN. */
  static double largestError(double[][] exact, float[][] found) {
    if (exact.length != found.length || exact[0].length != found[0].length) {
      return Double.POSITIVE_INFINITY;
    }
    double most = 0;
    for (int i = 0; i < exact.length; i++) {
      for (int j = 0; j < exact[i].length; j++) {
        double error = Math.abs(exact[i][j] - found[i][j]);
        most = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(most, error);
      }
    }
    return most;
  }

  private static double largest(double[][] values) {
    double most = 0;
    for (double[] row : values) {
      for (double value : row) {
        most = Math.max(most, Math.abs(value));
      }
    }
    return most;
  }
}
