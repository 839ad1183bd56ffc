package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.reference.TopkReference;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TopkTest {
  private static final int[] SIZES = {1, 2, 9, 64, 65, 200, 1000, 49152};
  private static final int[] COUNTS = {1, 2, 5, 31, 64};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isTheBeginningOfTheOrder(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : SIZES) {
        for (int k : COUNTS) {
          if (k <= n) {
            check(device, TestData.normals(n, 4, n), k);
            check(device, TestData.integers(n, 4, n, 5), k); // ties
          }
        }
      }
    }
  }

  /** The largest come last, so that every one replaces an earlier one. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void ascendingAndDescendingRows(Machine machine) {
    try (Device device = new Device(machine)) {
      float[][] logits = new float[4][300];
      for (int j = 0; j < 300; j++) {
        logits[0][j] = j;
        logits[1][j] = -j;
        logits[2][j] = j < 250 ? Float.NEGATIVE_INFINITY : j;
        logits[3][j] = j % 2 == 0 ? 0f : -0f;
      }
      check(device, logits, 64);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void aNanAnywhereGivesMinusOne(Machine machine) {
    try (Device device = new Device(machine)) {
      float[][] logits = TestData.normals(1, 70, 70);
      for (int i = 0; i < 70; i++) {
        logits[i][i] = Float.NaN;
      }
      DeviceBuffer ids = device.vector(new float[70 * 5]);
      device.kernels.topk(device.input(logits), 5, ids, device.ones(70 * 5 * 4));
      int[] expected = new int[70 * 5];
      Arrays.fill(expected, -1);
      assertArrayEquals(expected, device.ints(ids, 70 * 5));
    }
  }

  private static void check(Device device, float[][] logits, int k) {
    int count = logits.length * k;
    DeviceBuffer ids = device.ones(4L * count);
    DeviceBuffer values = device.ones(4L * count);
    device.kernels.topk(device.input(logits), k, ids, values);
    int[] foundIds = device.ints(ids, count);
    float[] foundValues = device.floats(values, count);
    for (int i = 0; i < logits.length; i++) {
      int[] expected = Arrays.copyOf(TopkReference.order(logits[i]), k);
      assertArrayEquals(expected, Arrays.copyOfRange(foundIds, i * k, (i + 1) * k));
      for (int j = 0; j < k; j++) {
        assertEquals(logits[i][expected[j]] + 0f, foundValues[i * k + j] + 0f);
      }
    }
  }
}
