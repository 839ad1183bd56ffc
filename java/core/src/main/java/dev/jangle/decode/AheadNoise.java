package dev.jangle.decode;

/**
 * Ahead noise: a token drawn from those before it, the same kind as MSN training uses (arXiv
 * 2406.17404). Drawn by a hash of (position, salt), so that a run can be repeated.
 */
final class AheadNoise {
  private AheadNoise() {}

  static int draw(TokenHistory history, int salt) {
    long z = 0x9E3779B97F4A7C15L * (history.size() * 4096L + salt + 1);
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    z ^= z >>> 31;
    return history.get((int) Long.remainderUnsigned(z, history.size()));
  }
}
