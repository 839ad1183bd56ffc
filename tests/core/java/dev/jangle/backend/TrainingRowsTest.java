package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The gradients by row, the loss and the optimizer, with rows that lie apart. */
class TrainingRowsTest {
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void embeddingAndItsGradient(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      int[] ids = {2, 0, 2, 3, 0};
      float[][] table = TestData.integers(1, 4, 19, 50);
      DeviceBuffer tokens = Training.ints(device, ids);
      Matrix out = device.output(5, 19);
      rows.gatherRows(tokens, device.input(table), out);
      float[][] gathered = device.read(out);
      double[][] sums = Training.widen(table);
      for (int i = 0; i < 5; i++) {
        assertArrayEquals(table[ids[i]], gathered[i]);
        for (int j = 0; j < 19; j++) {
          sums[ids[i]][j] += gathered[i][j];
        }
      }
      Matrix dtable = device.input(table);
      rows.embedBackward(tokens, Training.ints(device, 1, 4, 0, 2, 3), out, dtable);
      TestData.assertValues(sums, device.read(dtable), "dtable");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void rmsnormGradientIsThatOfFloat64(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      float[][] x = TestData.normals(1, 6, 22);
      float[][] weight = TestData.normals(2, 1, 11);
      float[][] dy = TestData.normals(3, 6, 22);
      double[][] wide = Training.widen(x);
      double[][] wideWeight = Training.widen(weight);
      double[][] dx = Training.differences(wide, at -> Training.dot(norm(at, wideWeight[0]), dy));
      double[][] dweight =
          Training.differences(wideWeight, at -> Training.dot(norm(wide, at[0]), dy));
      DeviceBuffer scratch = device.ones(rows.rmsnormBackwardScratchBytes(6, 2, 11));
      Matrix xs = device.input(x);
      Matrix dys = device.input(dy);
      Matrix weights = device.input(weight);
      Matrix found = device.output(6, 22);
      Matrix foundWeight = device.input(new float[1][11]);
      rows.rmsnormBackward(xs, 2, weights, 1e-5f, dys, false, found, foundWeight, scratch);
      near(dx, device.read(found), 1e-5);
      near(dweight, device.read(foundWeight), 1e-5);
      rows.rmsnormBackward(xs, 2, weights, 1e-5f, dys, true, found, null, scratch);
      float[][] twice = device.read(found);
      for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 22; j++) {
          dx[i][j] *= 2;
        }
      }
      near(dx, twice, 2e-5);
    }
  }

  private static double[][] norm(double[][] x, double[] weight) {
    int n = weight.length;
    double[][] y = new double[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int first = 0; first < x[i].length; first += n) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
          sum += x[i][first + j] * x[i][first + j];
        }
        for (int j = 0; j < n; j++) {
          y[i][first + j] = x[i][first + j] / Math.sqrt(sum / n + 1e-5f) * weight[j];
        }
      }
    }
    return y;
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void swigluGradientIsThatOfFloat64(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      float[][] both = TestData.normals(1, 5, 26);
      float[][] dout = TestData.normals(2, 5, 13);
      double[][] expected =
          Training.differences(
              Training.widen(both),
              at -> {
                double[][] out = new double[5][13];
                for (int i = 0; i < 5; i++) {
                  for (int j = 0; j < 13; j++) {
                    out[i][j] = at[i][j] / (1 + Math.exp(-at[i][j])) * at[i][13 + j];
                  }
                }
                return Training.dot(out, dout);
              });
      Matrix x = device.input(both);
      Matrix gate = x.columns(0, 13);
      Matrix up = x.columns(13, 13);
      rows.swigluBackward(gate, up, device.input(dout), gate, up);
      near(expected, device.read(x), 1e-6);
    }
  }

  /** There and back again by explicit positions. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void ropeTurnsThereAndBack(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      Matrix table =
          Matrix.of(device.vector(1, 1, 0, 0, 0, -1, 1, 0, 0.6f, 0.8f, 0.8f, 0.6f), 3, 4);
      float[][] x = TestData.integers(1, 3, 8, 9);
      DeviceBuffer positions = Training.ints(device, 1, 0, 2);
      Matrix turned = device.input(x);
      rows.ropeRows(positions, 4, table, false, turned);
      float[][] once = device.read(turned);
      for (int head = 0; head < 8; head += 4) {
        assertEquals(-x[0][head + 2], once[0][head]); // by a quarter
        assertEquals(x[0][head], once[0][head + 2]);
        assertEquals(-x[0][head + 1], once[0][head + 1]); // by a half
        assertArrayEquals(x[1], once[1]);
      }
      rows.ropeRows(positions, 4, table, true, turned);
      near(Training.widen(x), device.read(turned), 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void lossAndItsGradientAreThoseOfFloat64(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      float[][] logits = TestData.normals(1, 4, 35);
      int[] targets = {99, 3, -1, 34, 0};
      float[] weights = {99, 0.5f, 1, 2, 1};
      double[][] wide = Training.widen(logits);
      double[][] expected =
          Training.differences(
              wide,
              at -> {
                double sum = 0;
                for (int i = 0; i < 4; i++) {
                  sum += weights[i + 1] * loss(at[i], targets[i + 1]);
                }
                return sum;
              });
      DeviceBuffer losses = device.ones(5 * 8);
      Matrix gradient = device.input(logits);
      rows.crossEntropy(
          gradient, 1, Training.ints(device, targets), device.vector(weights), losses);
      near(expected, device.read(gradient), 1e-6);
      double[] found = Training.doubles(device, losses);
      assertTrue(Double.isNaN(found[0]));
      for (int i = 0; i < 4; i++) {
        assertEquals(loss(wide[i], targets[i + 1]), found[i + 1], 1e-6);
      }
    }
  }

  private static double loss(double[] logits, int target) {
    if (target < 0) {
      return 0;
    }
    double sum = 0;
    for (double z : logits) {
      sum += Math.exp(z);
    }
    return Math.log(sum) - logits[target];
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void normAndStepOfTheOptimizer(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingRows rows = device.kernels.trainingRows();
      float[] gradient = {3, -4, 12, 0, 84, 1, 1};
      Matrix gradients = Matrix.of(device.vector(gradient), 1, 7);
      DeviceBuffer sums = device.ones(16);
      DeviceBuffer scratch = device.ones(rows.sumSquaresScratchBytes(7));
      rows.sumSquares(gradients, sums, 1, scratch);
      double[] sum = Training.doubles(device, sums);
      assertTrue(Double.isNaN(sum[0]));
      assertEquals(9 + 16 + 144 + 84 * 84 + 2, sum[1]);

      DeviceBuffer weight = device.vector(1, 1, 1, 1, 1, 1, 1);
      DeviceBuffer m = device.vector(new float[7]);
      DeviceBuffer v = device.vector(new float[7]);
      rows.adamw(
          Matrix.of(weight, 1, 7),
          gradients,
          Matrix.of(m, 1, 7),
          Matrix.of(v, 1, 7),
          0.125,
          0.9,
          0.999,
          1e-8,
          0.5,
          0.25,
          1);
      float[] moved = device.floats(weight, 7);
      float[] first = device.floats(m, 7);
      float[] second = device.floats(v, 7);
      for (int i = 0; i < 7; i++) { // the first step is the sign of the gradient, times the rate
        assertEquals(1 - 0.0625 - 0.125 * Math.signum(gradient[i]), moved[i], 1e-6);
        assertEquals(0.1 * 0.25 * gradient[i], first[i], 1e-6 * Math.abs(gradient[i]));
        double square = 0.0625 * gradient[i] * gradient[i];
        assertEquals(0.001 * square, second[i], 1e-6 * square);
      }

      rows.zero(weight, 4, 8);
      float[] zeroed = device.floats(weight, 7);
      for (int i = 0; i < 7; i++) {
        assertEquals(i == 1 || i == 2 ? 0 : moved[i], zeroed[i]);
      }
    }
  }

  private static void near(double[][] expected, float[][] found, double bound) {
    double error = TestData.largestError(expected, found);
    assertTrue(error < bound, "error " + error);
  }
}
