package dev.jangle.train;

/**
 * Random numbers that depend on a key and a counter only: SplitMix64 (Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", 2014), started from a hash of the key. A run that is
 * resumed draws what the uninterrupted one would have drawn. One thread at a time.
 */
final class CounterRandom {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private long state;

  /** A generator for this key; keys that differ anywhere give unrelated numbers. */
  CounterRandom(long... key) {
    long hash = key.length;
    for (long part : key) {
      hash = mix(hash * GOLDEN + part);
    }
    state = hash;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  private long nextLong() {
    state += GOLDEN;
    return mix(state);
  }

  /** Uniform in [0, bound), bound at least 1. */
  int nextInt(int bound) {
    // The high half of the product; its bias is bound / 2^64.
    return (int) Math.unsignedMultiplyHigh(nextLong(), bound);
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }
}
