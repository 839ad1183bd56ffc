package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.reference.SwigluReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SwigluTest {
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isNearTheReference(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : new int[] {1, 7, 8, 33, 104, 1536}) {
        for (float scale : new float[] {0.1f, 1, 10}) {
          float[][] gate = TestData.normals(n, 5, n);
          float[][] up = TestData.normals(n + 1, 5, n);
          for (float[] row : gate) {
            for (int j = 0; j < n; j++) {
              row[j] *= scale;
            }
          }
          TestData.assertNear(
              SwigluReference.exact(gate, up),
              SwigluReference.naive(gate, up),
              swiglu(device, gate, up),
              n + " columns, scale " + scale);
        }
      }
    }
  }

  /** Where exp(-gate) vanishes beside 1 the result is gate * up; at 0 it is 0. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void largeWholeNumbersAreExact(Machine machine) {
    try (Device device = new Device(machine)) {
      float[][] gate = TestData.integers(1, 7, 45, 400);
      float[][] up = TestData.integers(2, 7, 45, 1000);
      double[][] expected = new double[7][45];
      for (int i = 0; i < 7; i++) {
        for (int j = 0; j < 45; j++) {
          gate[i][j] = gate[i][j] < 0 ? 0 : gate[i][j] + 100;
          expected[i][j] = gate[i][j] * up[i][j];
        }
      }
      TestData.assertValues(expected, swiglu(device, gate, up), "large gates");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void extremesKeepTheirMeaning(Machine machine) {
    try (Device device = new Device(machine)) {
      float[][] gate = {{Float.NaN, 1, -3e38f, 3e38f, -1000, Float.POSITIVE_INFINITY, -88, 0, -0f}};
      float[][] up = {{1, Float.NaN, 2, 1, 3, 2, 1, 5, 5}};
      float[] y = swiglu(device, gate, up)[0];
      assertTrue(Float.isNaN(y[0]) && Float.isNaN(y[1]), "NaN is kept");
      assertEquals(0, Math.abs(y[2]), "silu of a very negative gate");
      assertEquals(3e38f, y[3]);
      assertEquals(0, Math.abs(y[4]));
      assertEquals(Float.POSITIVE_INFINITY, y[5]);
      assertTrue(y[6] <= 0 && y[6] > -1e-36f, "silu(-88) is " + y[6]);
      assertEquals(0, Math.abs(y[7]));
      assertEquals(0, Math.abs(y[8]));
    }
  }

  private static float[][] swiglu(Device device, float[][] gate, float[][] up) {
    Matrix out = device.output(gate.length, gate[0].length);
    device.kernels.swiglu(device.input(gate), device.input(up), out);
    return device.read(out);
  }
}
