package dev.jangle.model;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;
import java.util.List;

/**
 * One or more weight matrices that read the same input, their outputs side by side. Matrices of one
 * format are packed into one, so that query, key and value are a single product.
 */
final class Linear implements AutoCloseable {
  private final List<Part> parts;

  /**
   * A matrix and where its outputs begin.
   *
   * @param bias one element per output, or null
   */
  record Part(PackedWeight weight, long column, DeviceBuffer bias) {}

  Linear(List<Part> parts) {
    this.parts = List.copyOf(parts);
  }

  /** Bytes of scratch for up to {@code rows} rows. */
  long scratchBytes(Kernels kernels, int rows) {
    long most = 0;
    for (Part part : parts) {
      PackedWeight weight = part.weight;
      most =
          Math.max(most, kernels.matmulScratchBytes(weight.dtype(), weight.n(), weight.k(), rows));
    }
    return most;
  }

  /** {@code y = x w^T + bias}, or y plus that. */
  void apply(Kernels kernels, Matrix x, Matrix y, boolean accumulate, DeviceBuffer scratch) {
    for (Part part : parts) {
      Matrix target = parts.size() == 1 ? y : y.columns(part.column, part.weight.n());
      kernels.matmul(part.weight, x, target, part.bias, accumulate, scratch);
    }
  }

  @Override
  public void close() {
    for (Part part : parts) {
      part.weight.close();
      if (part.bias != null) {
        part.bias.close();
      }
    }
  }
}
