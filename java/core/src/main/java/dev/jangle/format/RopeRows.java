package dev.jangle.format;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Undoes and makes the order that llama.cpp's converter gives the query and key rows of {@code
 * llama} models.
 *
 * <p>Hugging Face rotates pairs (i, i + headDim / 2); llama.cpp rotates (2i, 2i + 1) for this
 * architecture, and its converter moves the rows to match: row 2i + h of a head is Hugging Face's
 * row i + h * headDim / 2, for h in {0, 1}. Rows are moved whole, so quantised blocks stay as they
 * are.
 */
final class RopeRows {
  /** Bytes; a cache line, more than any kernel asks for. */
  private static final long ALIGNMENT = 64;

  private RopeRows() {}

  /** The tensor in Hugging Face's order if it is a query or key weight or bias, else itself. */
  static Tensor unpermute(ModelConfig config, Tensor tensor) {
    return rotated(tensor) ? move(tensor, config.headDim(), false) : tensor;
  }

  /** The tensor in llama.cpp's order if it is a query or key weight or bias, else itself. */
  static Tensor permute(ModelConfig config, Tensor tensor) {
    return rotated(tensor) ? move(tensor, config.headDim(), true) : tensor;
  }

  private static boolean rotated(Tensor tensor) {
    String name = tensor.name();
    return name.contains(".self_attn.q_proj.") || name.contains(".self_attn.k_proj.");
  }

  private static Tensor move(Tensor tensor, int headDim, boolean permute) {
    long rows = tensor.shape()[0];
    MemorySegment from = tensor.data();
    long rowBytes = from.byteSize() / rows;
    MemorySegment to = Arena.ofAuto().allocate(from.byteSize(), ALIGNMENT);
    int half = headDim / 2;
    for (long head = 0; head < rows; head += headDim) {
      for (int row = 0; row < headDim; row++) {
        long paired = head + 2L * (row % half) + row / half;
        long source = permute ? head + row : paired;
        long target = permute ? paired : head + row;
        MemorySegment.copy(from, source * rowBytes, to, target * rowBytes, rowBytes);
      }
    }
    return new Tensor(tensor.name(), tensor.dtype(), tensor.shape(), to);
  }
}
