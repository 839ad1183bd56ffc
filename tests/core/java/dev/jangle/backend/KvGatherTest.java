package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.jangle.backend.reference.CacheReference;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class KvGatherTest {
  private static final int KV_HEADS = 3;
  private static final int HEAD_DIM = 10;
  private static final int LAYERS = 4;
  private static final int PAGES = 4;

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void movesSlotsInEveryLayer(Machine machine) {
    try (Device device = new Device(machine)) {
      for (DType dtype : new DType[] {DType.F32, DType.F16}) {
        for (int count : new int[] {0, 1, 2, 9, 60, 128}) {
          check(device, dtype, count);
        }
      }
    }
  }

  private static void check(Device device, DType dtype, int count) {
    Random random = new Random(count);
    int[] pages = TestData.shuffledPages(count, PAGES);
    int committed = random.nextInt(70);
    TreeSet<Integer> rows = new TreeSet<>();
    while (rows.size() < count) {
      rows.add(random.nextInt(128));
    }
    int[] from = rows.stream().mapToInt(row -> committed + row).toArray();
    int[] to = new int[count];
    for (int i = 0; i < count; i++) {
      to[i] = committed + i;
    }
    int elementBytes = (int) dtype.bytes(1);
    int layerBytes = (int) (PAGES * KvLayer.pageBytes(dtype, KV_HEADS, HEAD_DIM));
    byte[] expected = new byte[LAYERS * layerBytes];
    random.nextBytes(expected);
    KvLayer first = new KvLayer(device.ones(expected.length), 0, dtype, PAGES, KV_HEADS, HEAD_DIM);
    try (Arena arena = Arena.ofConfined()) {
      device.kernels.upload(arena.allocateFrom(JAVA_BYTE, expected), first.buffer());
      device.kernels.synchronize();
    }
    device.kernels.kvGather(first, LAYERS, layerBytes, pages, count, from, to);
    byte[] before = expected.clone();
    for (int layer = 0; layer < LAYERS; layer++) {
      for (int i = 0; i < count; i++) {
        for (int part = 0; part < 2; part++) {
          for (int head = 0; head < KV_HEADS; head++) {
            int source = CacheReference.element(pages, KV_HEADS, HEAD_DIM, from[i], part, head);
            int target = CacheReference.element(pages, KV_HEADS, HEAD_DIM, to[i], part, head);
            System.arraycopy(
                before,
                layer * layerBytes + source * elementBytes,
                expected,
                layer * layerBytes + target * elementBytes,
                HEAD_DIM * elementBytes);
          }
        }
      }
    }
    assertArrayEquals(expected, device.bytes(first.buffer()), dtype + ", " + count + " slots");
  }
}
