package dev.jangle.backend.reference;

import dev.jangle.backend.Tier;
import dev.jangle.format.DType;

/**
 * What a product reads instead of its activations, as the heads of {@code matmul_avx2.cpp} and
 * {@code matmul_avx512.cpp} define it: int8 per row and block of 32 for weights of 8 and 4 bits,
 * bfloat16 for BF16 weights where the instruction set has such a product, else the activations
 * themselves.
 */
public final class ActivationReference {
  private static final int BLOCK = 32;

  private ActivationReference() {}

  /** The activations as the product sees them. */
  public static double[][] exact(Tier tier, DType weights, float[][] x) {
    double[][] y = new double[x.length][];
    for (int i = 0; i < x.length; i++) {
      y[i] = weights.quantized() ? int8(x[i]) : wide(x[i], bfloat16(tier, weights));
    }
    return y;
  }

  /** The most that {@link #exact} changes element j of a row. */
  public static double bound(Tier tier, DType weights, float[] x, int j) {
    if (weights.quantized()) {
      return largest(x, j / BLOCK * BLOCK) / 254.0 * (1 + 0x1p-20);
    }
    return bfloat16(tier, weights) ? Math.abs(x[j]) * 0x1p-8 : 0;
  }

  private static boolean bfloat16(Tier tier, DType weights) {
    return weights == DType.BF16 && (tier == Tier.AVX512BF16 || tier == Tier.CUDA);
  }

  /**
   * Each value becomes scale * round(x / scale), ties to even, with scale = largest / 127 of its
   * block; the scale and its inverse are float32. A block below 1e-30 counts as zero.
   */
  private static double[] int8(float[] x) {
    double[] y = new double[x.length];
    for (int block = 0; block < x.length; block += BLOCK) {
      float largest = largest(x, block);
      if (largest < 1e-30f) {
        continue;
      }
      float scale = largest / 127;
      float inverse = 127 / largest;
      for (int j = block; j < block + BLOCK; j++) {
        y[j] = scale * Math.rint(x[j] * inverse);
      }
    }
    return y;
  }

  private static double[] wide(float[] x, boolean bfloat16) {
    double[] y = new double[x.length];
    for (int j = 0; j < x.length; j++) {
      int bits = Float.floatToRawIntBits(x[j]);
      int even = bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000;
      y[j] = bfloat16 ? Float.intBitsToFloat(even) : x[j];
    }
    return y;
  }

  private static float largest(float[] x, int block) {
    float largest = 0;
    for (int j = block; j < block + BLOCK; j++) {
      largest = Math.max(largest, Math.abs(x[j]));
    }
    return largest;
  }
}
