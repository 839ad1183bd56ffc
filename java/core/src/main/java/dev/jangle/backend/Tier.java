package dev.jangle.backend;

import java.util.Locale;

/** Instruction-set tiers of the CPU backend. Bits are the same within a tier, not across tiers. */
public enum Tier {
  /** Any x86-64. */
  SCALAR(0),
  /** AVX2, FMA and F16C. */
  AVX2(1),
  /** AVX-512 F, BW, DQ, VL and VNNI. */
  AVX512(2),
  /** AVX-512 with BF16. */
  AVX512BF16(3);

  private final int code; // JG_TIER_*

  Tier(int code) {
    this.code = code;
  }

  static Tier of(int code) {
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
