package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.backend.reference.ActivationReference;
import dev.jangle.backend.reference.DequantizeReference;
import dev.jangle.backend.reference.MatmulReference;
import dev.jangle.format.DType;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MatmulTest {
  private static final int[][] SHAPES = {
    {1, 32}, {7, 64}, {16, 96}, {17, 32}, {33, 160}, {40, 576}, {100, 64}
  };
  private static final int[] ROWS = {1, 2, 3, 6, 13};

  @FunctionalInterface
  private interface Check {
    void run(DType dtype, int n, int k, int rows);
  }

  /** Calls for every format, shape and number of rows; an odd k leaves half a pair. */
  private static void forAll(Check check) {
    for (DType dtype : DType.values()) {
      for (int[] shape : SHAPES) {
        for (int rows : ROWS) {
          check.run(dtype, shape[0], shape[1] + (dtype.quantized() ? 0 : 5), rows);
        }
      }
    }
  }

  private static float[][] product(
      Device device, PackedWeight weight, float[][] x, float[] bias, float[][] y) {
    Matrix out = y == null ? device.output(x.length, (int) weight.n()) : device.input(y);
    device.kernels.matmul(
        weight,
        device.input(x),
        out,
        bias == null ? null : device.vector(bias),
        y != null,
        device.scratch(weight, x.length));
    return device.read(out);
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isNearTheReference(Machine machine) {
    forAll(
        (dtype, n, k, rows) -> {
          try (Device device = new Device(machine)) {
            byte[] file = TestData.encode(dtype, TestData.normals(n, n, k));
            float[][] x = TestData.normals(rows + 1, rows, k);
            float[] bias = n % 2 == 0 ? TestData.normals(3, 1, n)[0] : null;
            float[][] y = rows % 2 == 0 ? TestData.normals(4, rows, n) : null;
            double[][] w = DequantizeReference.exact(dtype, file, n, k);
            double[][] seen = ActivationReference.exact(machine.tier(), dtype, x);
            TestData.assertNear(
                MatmulReference.exact(w, seen, bias, y),
                MatmulReference.naive(w, seen, bias, y),
                product(device, device.weight(dtype, n, k, file), x, bias, y),
                "%s, %d x %d, %d rows".formatted(dtype, n, k, rows));
          }
        });
  }

  /** Whatever the rounding of activations, it is no more than half a step of each. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void roundedActivationsCostNoMoreThanHalfAStep(Machine machine) {
    forAll(
        (dtype, n, k, rows) -> {
          try (Device device = new Device(machine)) {
            byte[] file = TestData.encode(dtype, TestData.normals(n, n, k));
            double[][] w = DequantizeReference.exact(dtype, file, n, k);
            float[][] x = TestData.normals(rows + 1, rows, k);
            float[][] y = product(device, device.weight(dtype, n, k, file), x, null, null);
            for (int i = 0; i < rows; i++) {
              for (int j = 0; j < n; j++) {
                double sum = 0;
                double bound = 0;
                for (int l = 0; l < k; l++) {
                  sum += x[i][l] * w[j][l];
                  bound +=
                      ActivationReference.bound(machine.tier(), dtype, x[i], l) * Math.abs(w[j][l])
                          + k * 0x1p-24 * Math.abs(x[i][l] * w[j][l]);
                }
                if (!(Math.abs(y[i][j] - sum) <= bound)) {
                  fail("%s [%d][%d]: %s, not %s +- %s".formatted(dtype, i, j, y[i][j], sum, bound));
                }
              }
            }
          }
        });
  }

  /** Sums of small whole numbers are exact in any order, so every index is seen to be right. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void wholeNumbersAreExact(Machine machine) {
    forAll(
        (dtype, n, k, rows) -> {
          try (Device device = new Device(machine)) {
            float[][] integers = wholeWeights(dtype, n, k);
            byte[] file = TestData.encode(dtype, integers);
            double[][] w = DequantizeReference.exact(dtype, file, n, k);
            TestData.assertValues(w, integers, "the test's own weights in " + dtype);
            float[][] x = wholeActivations(dtype, rows, k);
            float[] bias = TestData.integers(5, 1, n, 100)[0];
            float[][] y = TestData.integers(6, rows, n, 100);
            double[][] seen = ActivationReference.exact(machine.tier(), dtype, x);
            TestData.assertValues(seen, x, "the test's own activations for " + dtype);
            TestData.assertValues(
                MatmulReference.exact(w, seen, bias, y),
                product(device, device.weight(dtype, n, k, file), x, bias, y),
                "%s, %d x %d, %d rows".formatted(dtype, n, k, rows));
          }
        });
  }

  /** Numbers that the format holds exactly: each block spans it, so that its scale is 1. */
  private static float[][] wholeWeights(DType dtype, int n, int k) {
    float[][] w = TestData.integers(7, n, k, 7);
    Random random = new Random(n);
    for (float[] row : w) {
      for (int block = 0; dtype.quantized() && block < k; block += 32) {
        int at = random.nextInt(32);
        row[block + at] = dtype == DType.Q8_0 ? 127 : -8;
        row[block + (at + 1 + random.nextInt(31)) % 32] = 7;
      }
    }
    return w;
  }

  private static float[][] wholeActivations(DType dtype, int rows, int k) {
    float[][] x = TestData.integers(8, rows, k, dtype.quantized() ? 127 : 15);
    Random random = new Random(rows);
    for (float[] row : x) {
      for (int block = 0; dtype.quantized() && block < k; block += 32) {
        row[block + random.nextInt(32)] = 127;
      }
    }
    return x;
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void aRowThatIsNotFiniteSpoilsOnlyItself(Machine machine) {
    forAll(
        (dtype, n, k, rows) -> {
          try (Device device = new Device(machine)) {
            byte[] file = TestData.encode(dtype, TestData.normals(n, n, k));
            PackedWeight weight = device.weight(dtype, n, k, file);
            float[][] x = TestData.normals(rows, rows, k);
            float[][] good = product(device, weight, x, null, null);
            x[rows / 2][k / 2] = n % 2 == 0 ? Float.NaN : Float.POSITIVE_INFINITY;
            float[][] bad = product(device, weight, x, null, null);
            for (int i = 0; i < rows; i++) {
              if (i == rows / 2) {
                for (float value : bad[i]) {
                  assertTrue(!Float.isFinite(value), "lost a value that is not finite: " + dtype);
                }
              } else {
                TestData.assertBits(good[i], bad[i], dtype + ", row " + i);
              }
            }
          }
        });
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void aCopyOfAWeightIsTheSame(Machine machine) {
    try (Device device = new Device(machine)) {
      for (DType dtype : DType.values()) {
        byte[] file = TestData.encode(dtype, TestData.normals(1, 33, 96));
        PackedWeight weight = device.weight(dtype, 33, 96, file);
        PackedWeight copy = device.keep(device.kernels.newWeight(dtype, 33, 96));
        device.kernels.copy(weight, copy);
        float[][] x = TestData.normals(2, 3, 96);
        float[][] expected = product(device, weight, x, null, null);
        TestData.assertBits(expected, product(device, copy, x, null, null), dtype.toString());
      }
    }
  }
}
