package dev.jangle.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.ToDoubleFunction;

/** What the tests of training have in common. */
final class Training {
  private Training() {}

  /** A buffer of these integers. */
  static DeviceBuffer ints(Device device, int... values) {
    DeviceBuffer buffer = device.keep(device.backend.allocate((long) values.length * 4));
    try (Arena arena = Arena.ofConfined()) {
      device.kernels.upload(arena.allocateFrom(ValueLayout.JAVA_INT, values), buffer);
      device.kernels.synchronize();
    }
    return buffer;
  }

  /** The doubles of a buffer. */
  static double[] doubles(Device device, DeviceBuffer buffer) {
    double[] values = new double[(int) (buffer.bytes() / Double.BYTES)];
    ByteBuffer.wrap(device.bytes(buffer))
        .order(ByteOrder.nativeOrder())
        .asDoubleBuffer()
        .get(values);
    return values;
  }

  /** A gradient by central differences in float64. */
  static double[][] differences(double[][] at, ToDoubleFunction<double[][]> loss) {
    double step = 1e-5;
    double[][] gradient = new double[at.length][at[0].length];
    for (int i = 0; i < at.length; i++) {
      for (int j = 0; j < at[i].length; j++) {
        double value = at[i][j];
        at[i][j] = value + step;
        double above = loss.applyAsDouble(at);
        at[i][j] = value - step;
        double below = loss.applyAsDouble(at);
        at[i][j] = value;
        gradient[i][j] = (above - below) / (2 * step);
      }
    }
    return gradient;
  }

  static double[][] widen(float[][] rows) {
    double[][] wide = new double[rows.length][rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows[i].length; j++) {
        wide[i][j] = rows[i][j];
      }
    }
    return wide;
  }

  /** The sum of all products of equal places. */
  static double dot(double[][] a, float[][] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[i].length; j++) {
        sum += a[i][j] * b[i][j];
      }
    }
    return sum;
  }
}
