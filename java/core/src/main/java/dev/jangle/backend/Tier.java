package dev.jangle.backend;

import java.util.Locale;

/**
 * Instruction sets that a backend computes with: the tiers of the CPU, each including the ones
 * before it, and the GPU's own. Bits are the same within one, not across them.
 */
public enum Tier {
  /** Any x86-64. */
  SCALAR(0),
  /** AVX2, FMA and F16C. */
  AVX2(1),
  /** AVX-512 F, BW, DQ, VL and VNNI. */
  AVX512(2),
  /** AVX-512 with BF16. */
  AVX512BF16(3),
  /** The tensor cores of an NVIDIA GPU. */
  CUDA(-1);

  /** Codes from here on are a GPU's compute capability * 10. */
  private static final int FIRST_GPU = 50;

  private final int code; // JG_TIER_*

  Tier(int code) {
    this.code = code;
  }

  static Tier of(int code) {
    if (code >= FIRST_GPU) {
      return CUDA;
    }
    for (Tier tier : values()) {
      if (tier.code == code) {
        return tier;
      }
    }
    throw new IllegalArgumentException("no tier " + code);
  }

  int code() {
    return code;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
