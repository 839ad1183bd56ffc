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

  /** Bytes of scratch that any of the products needs for up to {@code rows} rows. */
  long scratchBytes(Kernels kernels, int rows) {
    long most = 0;
    for (Part part : parts) {
      PackedWeight weight = part.weight;
      most =
          Math.max(most, kernels.matmulScratchBytes(weight.dtype(), weight.n(), weight.k(), rows));
      most = Math.max(most, kernels.fused().matmulScratchBytes(weight, rows));
    }
    return most;
  }

  /** {@code y += x w^T + bias}. */
  void add(Kernels kernels, Matrix x, Matrix y, DeviceBuffer scratch) {
    for (Part part : parts) {
      kernels.matmul(part.weight, x, outputs(y, part), part.bias, true, scratch);
    }
  }

  /** {@code y = x w^T + bias} of normalised rows of x. */
  void applyToNormalised(
      Kernels kernels, Matrix x, DeviceBuffer norm, float eps, Matrix y, DeviceBuffer scratch) {
    for (Part part : parts) {
      kernels
          .fused()
          .rmsnormMatmul(part.weight, x, norm, eps, outputs(y, part), part.bias, false, scratch);
    }
  }

  /** {@code y += (silu(gate) * up) w^T + bias}. */
  void addGated(Kernels kernels, Matrix gate, Matrix up, Matrix y, DeviceBuffer scratch) {
    for (Part part : parts) {
      kernels
          .fused()
          .swigluMatmul(part.weight, gate, up, outputs(y, part), part.bias, true, scratch);
    }
  }

  private Matrix outputs(Matrix y, Part part) {
    return parts.size() == 1 ? y : y.columns(part.column, part.weight.n());
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
