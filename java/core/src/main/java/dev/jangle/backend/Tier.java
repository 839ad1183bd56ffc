package dev.jangle.backend;

import java.util.Locale;

/** Instruction-set tiers of the CPU backend. Bits are the same within a tier, not across tiers. */
public enum Tier {
  /** Any x86-64. */
  SCALAR,
  /** AVX2, FMA and F16C. */
  AVX2,
  /** AVX-512 F, BW, DQ, VL and VNNI. */
  AVX512,
  /** AVX-512 with BF16. */
  AVX512BF16;

  static Tier of(int code) {
    return values()[code];
  }

  int code() {
    return ordinal();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
