package dev.jangle.cli.kernels;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;

/**
 * How much is spent on a measurement.
 *
 * @param seconds for one operation on one shape, all numbers of rows together
 * @param leastRounds samples of each, however long they take
 * @param rotatedBytes what the buffers that take turns have together
 * @param mostTurns buffers that take turns, and calls of a sample
 * @param cachedSize n and k of the product that shows what a format can do from the cache
 * @param squareSize m, n and k of cuBLAS's own best product
 */
record Effort(
    double seconds,
    int leastRounds,
    long rotatedBytes,
    int mostTurns,
    int cachedSize,
    int squareSize) {
  /** Four times the cache: what is read again has been pushed out since. */
  private static final int CACHES = 4;

  private static final int TINY_BYTES = 1 << 16;

  /** The measurement proper. */
  static Effort full(Backend backend, double seconds) {
    boolean gpu = backend.kind() == BackendKind.CUDA;
    return new Effort(
        seconds, 5, CACHES * backend.cacheBytes(), 4096, gpu ? 4096 : 1024, gpu ? 8192 : 0);
  }

  /** Enough to see that everything works. */
  static Effort tiny(double seconds) {
    return new Effort(seconds, 2, TINY_BYTES, 3, 64, 64);
  }

  /** Turns of calls that touch so many bytes each. */
  int turns(long bytes) {
    return (int) Math.clamp((rotatedBytes + bytes - 1) / bytes, 1L, mostTurns);
  }
}
