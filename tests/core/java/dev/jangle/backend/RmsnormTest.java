package dev.jangle.backend;

import dev.jangle.backend.reference.RmsnormReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RmsnormTest {
  private static final int[] SIZES = {1, 2, 7, 8, 31, 64, 100, 576, 1000};
  private static final int[] GROUPS = {1, 3};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isNearTheReference(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : SIZES) {
        for (int groups : GROUPS) {
          float[][] x = TestData.normals(n, 5, groups * n);
          float[] weight = TestData.normals(n + 1, 1, n)[0];
          float[][] y = norm(device, x, groups, weight, 1e-5f);
          TestData.assertNear(
              RmsnormReference.exact(x, weight, 1e-5f),
              RmsnormReference.naive(x, weight, 1e-5f),
              y,
              groups + " groups of " + n);
        }
      }
    }
  }

  /** The mean square of twos is 4, so each element is its sign times its weight. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void twosAreExact(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : SIZES) {
        for (int groups : GROUPS) {
          float[][] x = TestData.integers(n, 4, groups * n, 1);
          for (float[] row : x) {
            for (int j = 0; j < row.length; j++) {
              row[j] = row[j] < 0 ? -2 : 2;
            }
          }
          float[] weight = TestData.integers(n + 1, 1, n, 100)[0];
          TestData.assertValues(
              RmsnormReference.exact(x, weight, 0),
              norm(device, x, groups, weight, 0),
              groups + " groups of " + n);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void inPlaceIsTheSame(Machine machine) {
    try (Device device = new Device(machine)) {
      float[][] x = TestData.normals(1, 6, 3 * 45);
      float[] weight = TestData.normals(2, 1, 45)[0];
      Matrix matrix = device.input(x);
      device.kernels.rmsnorm(matrix, 3, device.vector(weight), 1e-6f, matrix);
      TestData.assertBits(norm(device, x, 3, weight, 1e-6f), device.read(matrix), "in place");
    }
  }

  private static float[][] norm(Device device, float[][] x, int groups, float[] weight, float eps) {
    Matrix y = device.output(x.length, x[0].length);
    device.kernels.rmsnorm(device.input(x), groups, device.vector(weight), eps, y);
    return device.read(y);
  }
}
