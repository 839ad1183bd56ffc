package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.jangle.backend.reference.CacheReference;
import dev.jangle.format.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class KvAppendTest {
  private static final int[] COMMITTED = {0, 1, 63, 64, 100};
  private static final int[] ROWS = {1, 5, 64, 70, 128};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void rowsGoToTheirSlotsAndNowhereElse(Machine machine) {
    try (Device device = new Device(machine)) {
      for (DType dtype : new DType[] {DType.F32, DType.F16}) {
        for (int committed : COMMITTED) {
          for (int rows : ROWS) {
            check(device, dtype, Tree.random(rows, rows, committed), 3, 10);
          }
        }
        check(device, dtype, Tree.chain(200, 30), 1, 64); // a chain may be longer than a tree
      }
    }
  }

  private static void check(Device device, DType dtype, Tree tree, int kvHeads, int headDim) {
    int[] pages = TestData.shuffledPages(tree.rows(), tree.pages() + 2);
    KvLayer layer = device.layer(dtype, pages.length, kvHeads, headDim);
    float[][] k = TestData.normals(1, tree.rows(), kvHeads * headDim);
    float[][] v = TestData.normals(2, tree.rows(), kvHeads * headDim);
    Batch batch = device.batch(new int[tree.rows()], tree, pages);
    device.kernels.kvAppend(batch, layer, device.input(k), device.input(v));
    byte[] expected = new byte[(int) layer.buffer().bytes()];
    Arrays.fill(expected, (byte) -1);
    ByteBuffer cache = ByteBuffer.wrap(expected).order(ByteOrder.nativeOrder());
    for (int i = 0; i < tree.rows(); i++) {
      for (int head = 0; head < kvHeads; head++) {
        for (int d = 0; d < headDim; d++) {
          int slot = tree.slot(i);
          int key = CacheReference.element(pages, kvHeads, headDim, slot, 0, head) + d;
          int value = CacheReference.element(pages, kvHeads, headDim, slot, 1, head) + d;
          put(cache, dtype, key, k[i][head * headDim + d]);
          put(cache, dtype, value, v[i][head * headDim + d]);
        }
      }
    }
    String what = "%s, %d rows after %d".formatted(dtype, tree.rows(), tree.committed());
    assertArrayEquals(expected, device.bytes(layer.buffer()), what);
  }

  private static void put(ByteBuffer cache, DType dtype, int element, float value) {
    if (dtype == DType.F32) {
      cache.putFloat(4 * element, value);
    } else {
      cache.putShort(2 * element, Float.floatToFloat16(value));
    }
  }
}
