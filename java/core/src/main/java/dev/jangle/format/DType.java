package dev.jangle.format;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Formats of weights, under the numbers of the C ABI ({@code JG_F32} and so on). A quantised format
 * has blocks of 32 elements along the innermost dimension, laid out as in GGUF: Q8_0 = f16 scale,
 * 32 int8; Q4_0 = f16 scale, 16 bytes; Q4_1 = f16 scale, f16 minimum, 16 bytes.
 */
public enum DType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  BF16(2, 1, 2),
  Q8_0(3, 32, 34),
  Q4_0(4, 32, 18),
  Q4_1(5, 32, 20);

  private final int code;
  private final int blockElements;
  private final int blockBytes;

  DType(int code, int blockElements, int blockBytes) {
    this.code = code;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** The C ABI's number. */
  public int code() {
    return code;
  }

  /** Elements of one block: 1, or 32 where quantised. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether elements share a scale per block. */
  public boolean quantized() {
    return blockElements > 1;
  }

  /** The alignment of data, in bytes: 4 for F32, else 2. */
  int alignment() {
    return this == F32 ? 4 : 2;
  }

  /**
   * Bytes of a run of elements.
   *
   * @throws IllegalArgumentException if {@code elements} is negative or does not fill whole blocks
   * @throws ArithmeticException if the result does not fit a long
   */
  public long bytes(long elements) {
    if (elements < 0 || elements % blockElements != 0) {
      throw new IllegalArgumentException(
          elements + " elements do not fill whole " + this + " blocks of " + blockElements);
    }
    return Math.multiplyExact(elements / blockElements, blockBytes);
  }

  /** The names of all formats, for messages. */
  static String supported() {
    return Arrays.stream(values()).map(DType::name).collect(Collectors.joining(", "));
  }
}
