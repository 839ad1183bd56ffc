package dev.jangle.backend;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ResidualTest {
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isTheRoundedSum(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : new int[] {1, 5, 8, 16, 33, 576, 5000}) {
        float[][] x = TestData.normals(n, 6, n);
        float[][] y = TestData.normals(n + 1, 6, n);
        float[][] expected = TestData.copy(y);
        for (int i = 0; i < y.length; i++) {
          for (int j = 0; j < n; j++) {
            expected[i][j] += x[i][j];
          }
        }
        Matrix out = device.input(y);
        device.kernels.residual(device.input(x), out);
        TestData.assertBits(expected, device.read(out), n + " columns");
      }
    }
  }
}
