package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MatrixTest {
  private final Device device = new Device(Machine.best(1));

  @AfterEach
  void close() {
    device.close();
  }

  private DeviceBuffer count(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = i;
    }
    return device.vector(values);
  }

  @Test
  void viewsAreWhereTheySay() {
    Matrix matrix = new Matrix(count(100), 2, 4, 5, 10);
    float[][] rows = device.kernels.download(matrix);
    assertArrayEquals(new float[] {2, 3, 4, 5, 6}, rows[0]);
    assertArrayEquals(new float[] {32, 33, 34, 35, 36}, rows[3]);
    rows = device.kernels.download(matrix.rowsFrom(1, 2).columns(3, 2));
    assertArrayEquals(new float[][] {{15, 16}, {25, 26}}, rows);
    rows = device.kernels.download(matrix.top(1));
    assertArrayEquals(new float[][] {{2, 3, 4, 5, 6}}, rows);
  }

  /** The last row needs its columns only, not the gap after them. */
  @Test
  void theLastElementMayBeTheBuffers() {
    new Matrix(count(37), 2, 4, 5, 10);
    Matrix.of(count(20), 4, 5);
    Refusal.of(
        IndexOutOfBoundsException.class, () -> new Matrix(count(36), 2, 4, 5, 10), "37", "36");
    Refusal.of(IndexOutOfBoundsException.class, () -> Matrix.of(count(19), 4, 5), "20", "19");
  }

  @Test
  void impossibleShapesAreRefused() {
    DeviceBuffer buffer = count(100);
    Refusal.of(IllegalArgumentException.class, () -> Matrix.of(buffer, 0, 5), "0 x 5");
    Refusal.of(IllegalArgumentException.class, () -> Matrix.of(buffer, 5, 0), "5 x 0");
    Refusal.of(IllegalArgumentException.class, () -> Matrix.of(buffer, -1, -1), "-1 x -1");
    Refusal.of(IllegalArgumentException.class, () -> new Matrix(buffer, -1, 2, 5, 5), "-1");
    Refusal.of(IllegalArgumentException.class, () -> new Matrix(buffer, 0, 2, 5, 4), "4 apart");
  }

  @Test
  void sizesThatOverflowAreRefused() {
    DeviceBuffer buffer = count(100);
    long large = Long.MAX_VALUE;
    assertThrows(ArithmeticException.class, () -> Matrix.of(buffer, large, 2));
    assertThrows(ArithmeticException.class, () -> new Matrix(buffer, large, 1, 2, 2));
    assertThrows(ArithmeticException.class, () -> new Matrix(buffer, 0, 3, 2, large));
    assertThrows(IndexOutOfBoundsException.class, () -> Matrix.of(buffer, 1, large));
    // 2^62 elements of 4 bytes are 0 bytes, where nobody looks.
    assertThrows(IndexOutOfBoundsException.class, () -> Matrix.of(buffer, 1, 1L << 62));
  }

  @Test
  void viewsBeyondTheMatrixAreRefused() {
    Matrix matrix = new Matrix(count(100), 2, 4, 5, 10);
    Class<IndexOutOfBoundsException> type = IndexOutOfBoundsException.class;
    Refusal.of(type, () -> matrix.rowsFrom(-1, 1), "rows -1");
    Refusal.of(type, () -> matrix.rowsFrom(0, 5), "rows 0 to 5 of 4");
    Refusal.of(type, () -> matrix.rowsFrom(4, 1), "rows 4 to 5 of 4");
    Refusal.of(type, () -> matrix.rowsFrom(1, Long.MAX_VALUE), "rows 1");
    Refusal.of(type, () -> matrix.top(0), "rows 0 to 0");
    Refusal.of(type, () -> matrix.columns(-1, 2), "columns -1");
    Refusal.of(type, () -> matrix.columns(3, 3), "columns 3 to 6 of 5");
    Refusal.of(type, () -> matrix.columns(0, 0), "columns 0 to 0");
  }
}
