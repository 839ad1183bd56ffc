package dev.jangle.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Encodes floats in each format; quantised ones as ggml's reference quantisation does. */
public final class TensorBytes {
  private TensorBytes() {}

  /** The bytes of a row, or of rows that fill whole blocks. */
  public static byte[] of(DType dtype, float... values) {
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(dtype.bytes(values.length)));
    out.order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < values.length; i += dtype.blockElements()) {
      switch (dtype) {
        case F32 -> out.putFloat(values[i]);
        case F16 -> out.putShort(Float.floatToFloat16(values[i]));
        case BF16 -> out.putShort(bf16(values[i]));
        case Q8_0 -> q8(out, values, i);
        case Q4_0 -> q4Symmetric(out, values, i);
        case Q4_1 -> q4(out, values, i);
      }
    }
    return out.array();
  }

  /** Rounds to nearest, ties to even. */
  private static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }

  private static void q8(ByteBuffer out, float[] values, int start) {
    float largest = 0;
    for (int i = 0; i < 32; i++) {
      largest = Math.max(largest, Math.abs(values[start + i]));
    }
    float scale = largest / 127;
    out.putShort(Float.floatToFloat16(scale));
    for (int i = 0; i < 32; i++) {
      out.put((byte) (scale == 0 ? 0 : Math.round(values[start + i] / scale)));
    }
  }

  private static void q4Symmetric(ByteBuffer out, float[] values, int start) {
    float largest = 0;
    for (int i = 0; i < 32; i++) {
      largest = Math.abs(values[start + i]) > Math.abs(largest) ? values[start + i] : largest;
    }
    float scale = largest / -8;
    out.putShort(Float.floatToFloat16(scale));
    for (int i = 0; i < 16; i++) {
      out.put(
          (byte)
              (nibble(values[start + i], scale, 8.5f)
                  | nibble(values[start + i + 16], scale, 8.5f) << 4));
    }
  }

  private static void q4(ByteBuffer out, float[] values, int start) {
    float low = values[start];
    float high = low;
    for (int i = 0; i < 32; i++) {
      low = Math.min(low, values[start + i]);
      high = Math.max(high, values[start + i]);
    }
    float scale = (high - low) / 15;
    out.putShort(Float.floatToFloat16(scale)).putShort(Float.floatToFloat16(low));
    for (int i = 0; i < 16; i++) {
      out.put(
          (byte)
              (nibble(values[start + i] - low, scale, 0.5f)
                  | nibble(values[start + i + 16] - low, scale, 0.5f) << 4));
    }
  }

  private static int nibble(float value, float scale, float offset) {
    return scale == 0 ? (int) offset : Math.clamp((int) (value / scale + offset), 0, 15);
  }
}
