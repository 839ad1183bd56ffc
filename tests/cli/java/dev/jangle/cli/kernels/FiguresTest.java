package dev.jangle.cli.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is made of times, and of nothing. */
class FiguresTest {
  private static final Ceilings CEILINGS =
      new Ceilings(2e9, "test", Map.of(DType.F16, new Ceilings.Compute(4e9, "test")));

  private static KernelResult result(long bytes, double flops, boolean cached, double micros) {
    Subject subject =
        Subject.of(List.of(ModelShape.TINY), List.of(Operation.MATMUL), List.of(DType.F16))
            .getFirst();
    return new KernelResult(
        subject,
        1,
        bytes,
        flops,
        CEILINGS.memoryMicros(bytes),
        CEILINGS.computeMicros(DType.F16, flops),
        cached,
        Spread.of(new double[] {micros}),
        null);
  }

  @Test
  void quartilesLieBetweenTheSamples() {
    assertEquals(new Spread(1, 5, 5, 5, 5, 5), Spread.of(new double[] {5}));
    assertEquals(new Spread(5, 1, 2, 3, 4, 5), Spread.of(new double[] {5, 1, 4, 2, 3}));
    assertEquals(new Spread(4, 1, 1.75, 2.5, 3.25, 4), Spread.of(new double[] {4, 3, 2, 1}));
    assertEquals(0.6, Spread.of(new double[] {4, 3, 2, 1}).relative());
  }

  @Test
  void theLargerNeedIsTheLimit() {
    KernelResult memory = result(2000, 1000, false, 4); // 1 us for the bytes, 0.25 us for the flops
    assertEquals("memory", memory.bound());
    assertEquals(0.25, memory.share(), 1e-12);
    assertEquals(0.5, memory.gigabytesPerSecond(), 1e-12);
    assertEquals(0.00025, memory.teraflopsPerSecond(), 1e-12);
    KernelResult compute = result(2000, 8000, false, 4);
    assertEquals("compute", compute.bound());
    assertEquals(0.5, compute.share(), 1e-12);
    assertEquals("compute", result(2000, 8000, true, 4).bound());
  }

  @Test
  void whatStaysInTheCacheHasNoCeiling() {
    KernelResult cached = result(2000, 0, true, 4);
    assertEquals("cache", cached.bound());
    assertTrue(Double.isNaN(cached.share()));
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void randomValuesAreTheSameEachTimeAndFinite(DType format) {
    byte[] values = RandomValues.of(format, 320, 7);
    assertEquals(format.bytes(320), values.length);
    assertArrayEquals(values, RandomValues.of(format, 320, 7));
    assertFalse(java.util.Arrays.equals(values, RandomValues.of(format, 320, 8)));
    ByteBuffer in = ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at < values.length; at += format.blockBytes()) {
      float first =
          switch (format) {
            case F32 -> in.getFloat(at);
            case BF16 -> Float.intBitsToFloat(in.getShort(at) << 16);
            default -> Float.float16ToFloat(in.getShort(at)); // of a block: its scale
          };
      assertTrue(Float.isFinite(first) && first != 0, format + " at " + at);
    }
  }
}
