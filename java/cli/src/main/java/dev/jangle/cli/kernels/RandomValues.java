package dev.jangle.cli.kernels;

import dev.jangle.format.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Random values of every format, the same in every run: a device's clock, and so its times, depend
 * on how many bits change.
 */
final class RandomValues {
  private static final String ALGORITHM = "Xoshiro256PlusPlus";

  private RandomValues() {}

  static RandomGenerator generator(long seed) {
    return RandomGeneratorFactory.of(ALGORITHM).create(seed);
  }

  /**
   * So many elements in the layout of a file. A product with such weights stays far from the limits
   * of any format.
   *
   * @param elements whole blocks
   */
  static byte[] of(DType dtype, long elements, long seed) {
    RandomGenerator random = generator(seed);
    ByteBuffer out =
        ByteBuffer.allocate(Math.toIntExact(dtype.bytes(elements))).order(ByteOrder.LITTLE_ENDIAN);
    if (dtype.quantized()) {
      byte[] block = new byte[dtype.blockBytes()];
      while (out.hasRemaining()) {
        random.nextBytes(block);
        int start = out.position();
        out.put(block);
        out.putShort(start, Float.floatToFloat16(0.001f + 0.001f * random.nextFloat()));
        if (dtype == DType.Q4_1) {
          out.putShort(start + Short.BYTES, Float.floatToFloat16(-0.01f));
        }
      }
      return out.array();
    }
    while (out.hasRemaining()) {
      float value = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> out.putFloat(value);
        case F16 -> out.putShort(Float.floatToFloat16(value));
        case BF16 -> out.putShort((short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
        default -> throw new AssertionError(dtype);
      }
    }
    return out.array();
  }
}
