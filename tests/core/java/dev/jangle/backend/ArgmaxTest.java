package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.reference.TopkReference;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ArgmaxTest {
  private static final int[] SIZES = {1, 2, 7, 8, 9, 63, 64, 65, 1000, 49152};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isTheLowestIndexOfTheLargest(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : SIZES) {
        check(device, TestData.normals(n, 5, n));
        check(device, TestData.integers(n, 5, n, 3)); // ties
        check(device, TestData.integers(n, 5, n, 0)); // all the same
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void aNanAnywhereGivesMinusOne(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int n : new int[] {1, 9, 70}) {
        float[][] logits = new float[n][];
        for (int i = 0; i < n; i++) {
          logits[i] = TestData.normals(i, 1, n)[0];
          logits[i][i] = Float.NaN;
          logits[i][(i + 1) % n] = n == 1 ? Float.NaN : Float.POSITIVE_INFINITY;
        }
        int[] expected = new int[n];
        Arrays.fill(expected, -1);
        assertArrayEquals(expected, argmax(device, logits));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void infinitiesAndSignedZerosAreOrdered(Machine machine) {
    try (Device device = new Device(machine)) {
      float inf = Float.POSITIVE_INFINITY;
      float[][] logits = {
        {-inf, -inf, -inf}, {-inf, -3e38f, -inf}, {3e38f, inf, inf}, {-0f, 0, -0f}, {-1, 0, -0f}
      };
      assertArrayEquals(new int[] {0, 1, 1, 0, 1}, argmax(device, logits));
    }
  }

  private static void check(Device device, float[][] logits) {
    int[] found = argmax(device, logits);
    for (int i = 0; i < logits.length; i++) {
      assertEquals(TopkReference.argmax(logits[i]), found[i], "row of " + logits[i].length);
    }
  }

  private static int[] argmax(Device device, float[][] logits) {
    DeviceBuffer ids = device.ones(4L * logits.length);
    device.kernels.argmax(device.input(logits), ids);
    return device.ints(ids, logits.length);
  }
}
