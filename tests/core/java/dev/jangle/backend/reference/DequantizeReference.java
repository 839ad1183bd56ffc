package dev.jangle.backend.reference;

import dev.jangle.format.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What the bytes of a weight mean, by the definition of the formats in {@code jangle.h}. */
public final class DequantizeReference {
  private DequantizeReference() {}

  /** A weight [n][k] in the file's layout. */
  public static double[][] exact(DType dtype, byte[] file, int n, int k) {
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    double[][] weight = new double[n][k];
    for (int i = 0; i < n; i++) {
      int row = i * (int) dtype.bytes(k);
      for (int j = 0; j < k; j++) {
        weight[i][j] =
            switch (dtype) {
              case F32 -> bytes.getFloat(row + 4 * j);
              case F16 -> half(bytes, row + 2 * j);
              case BF16 -> Float.intBitsToFloat(bytes.getShort(row + 2 * j) << 16);
              case Q8_0, Q4_0, Q4_1 ->
                  inBlock(dtype, bytes, row + j / 32 * dtype.blockBytes(), j % 32);
            };
      }
    }
    return weight;
  }

  /** Element i of the block of 32 that begins at {@code at}. */
  private static double inBlock(DType dtype, ByteBuffer bytes, int at, int i) {
    double scale = half(bytes, at);
    return switch (dtype) {
      case Q8_0 -> scale * bytes.get(at + 2 + i);
      case Q4_0 -> scale * (nibble(bytes, at + 2, i) - 8);
      case Q4_1 -> scale * nibble(bytes, at + 4, i) + half(bytes, at + 2);
      default -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  /** Byte i holds element i in its low half, element i + 16 in its high half. */
  private static int nibble(ByteBuffer bytes, int at, int i) {
    return i < 16 ? bytes.get(at + i) & 15 : bytes.get(at + i - 16) >> 4 & 15;
  }

  private static double half(ByteBuffer bytes, int at) {
    return Float.float16ToFloat(bytes.getShort(at));
  }
}
