package dev.jangle.format;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A weight of a checkpoint, in row-major order. Immutable and thread-safe; {@code data} may be read
 * until the checkpoint is closed (then: {@link IllegalStateException}). Equality is that of the
 * objects: contents are not compared.
 *
 * @param name Hugging Face's name, such as {@code model.layers.0.self_attn.q_proj.weight}
 * @param dtype format of the elements
 * @param shape sizes, outermost first: a linear layer is {out, in}; at least one, all positive
 * @param data read-only bytes of the elements: {@code dtype.bytes(elements())} of them, little
 *     endian, aligned to 4 bytes for F32 and to 2 otherwise
 */
@SuppressWarnings("ArrayRecordComponent") // the shape is copied in and out
public record Tensor(String name, DType dtype, long[] shape, MemorySegment data) {
  /**
   * Copies the shape.
   *
   * @throws IllegalArgumentException if shape, format and size of the data do not agree
   */
  public Tensor {
    shape = shape.clone();
    long bytes = bytes(dtype, shape);
    if (bytes != data.byteSize()) {
      throw new IllegalArgumentException(
          name
              + " "
              + dtype
              + " "
              + Arrays.toString(shape)
              + " has "
              + bytes
              + " bytes, its data has "
              + data.byteSize());
    }
    data = data.asReadOnly();
  }

  /**
   * A tensor of these values, in memory of its own.
   *
   * @param dtype F32 keeps the values; F16 and BF16 round to the nearest, ties to even; a quantised
   *     format chooses scales for a small squared error
   * @param values elements in row-major order
   * @throws IllegalArgumentException if shape, format and number of values do not agree, or a value
   *     cannot be quantised: it is not finite, or too large for a scale of F16
   */
  public static Tensor of(String name, DType dtype, long[] shape, float[] values) {
    return TensorEncoder.encode(name, dtype, shape, values);
  }

  /**
   * Bytes of a tensor.
   *
   * @throws IllegalArgumentException if the shape is empty, a size is not positive, a row does not
   *     fill whole blocks, or the tensor has more than 2^62 bytes
   */
  static long bytes(DType dtype, long[] shape) {
    if (shape.length == 0) {
      throw new IllegalArgumentException("has no dimensions");
    }
    long elements = 1;
    for (long size : shape) {
      if (size < 1) {
        throw new IllegalArgumentException("has a dimension of size " + size);
      }
      if (elements > (1L << 60) / size) {
        throw new IllegalArgumentException(
            "has more than 2^60 elements: its shape is " + Arrays.toString(shape));
      }
      elements *= size;
    }
    long cols = shape[shape.length - 1];
    if (cols % dtype.blockElements() != 0) {
      throw new IllegalArgumentException(
          "has rows of " + cols + " elements, not a multiple of " + dtype + "'s block of 32");
    }
    return dtype.bytes(elements);
  }

  /**
   * The same values in a format: this itself where it has it, else a copy, rounded as by {@link
   * #of}.
   *
   * @throws IllegalArgumentException if they cannot be quantised
   */
  public Tensor as(DType format) {
    return format == dtype ? this : of(name, format, shape, TensorFloats.of(this));
  }

  /** A copy of the sizes, outermost first. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** Number of elements. */
  public long elements() {
    long elements = 1;
    for (long size : shape) {
      elements *= size;
    }
    return elements;
  }

  /** Product of all sizes but the innermost; 1 for a vector. */
  public long rows() {
    return elements() / cols();
  }

  /** The innermost size. */
  public long cols() {
    return shape[shape.length - 1];
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }

  /** Name, format and shape. */
  @Override
  public String toString() {
    return name + " " + dtype + " " + Arrays.toString(shape);
  }
}
