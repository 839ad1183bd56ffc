package dev.jangle.cli.kernels;

/**
 * Times of one operation on one shape, for one number of rows.
 *
 * @param bytes the least that a call has to read and write
 * @param flops multiplications and additions of a call; 0 where memory alone is the limit
 * @param memoryMicros the least time for the bytes, by the run's ceiling
 * @param computeMicros the same for the flops; 0 where there are none
 * @param cached whether all buffers that took turns fit in the cache, so that the bytes need not
 *     have come from memory
 * @param time of a call
 * @param cublas time of the same product by cuBLAS; null where there is none
 */
public record KernelResult(
    Subject subject,
    int rows,
    long bytes,
    double flops,
    double memoryMicros,
    double computeMicros,
    boolean cached,
    Spread time,
    Spread cublas) {

  /** 10^9 bytes a second. */
  double gigabytesPerSecond() {
    return bytes / time.median() * 1e-3;
  }

  /** 10^12 multiplications and additions a second. */
  double teraflopsPerSecond() {
    return flops / time.median() * 1e-6;
  }

  /** What would be the limit: memory, compute, or the cache, of which no ceiling is known. */
  String bound() {
    if (computeMicros >= memoryMicros) {
      return "compute";
    }
    return cached ? "cache" : "memory";
  }

  /** The least time as a share of the median; NaN where the limit is the cache. */
  double share() {
    return bound().equals("cache")
        ? Double.NaN
        : Math.max(memoryMicros, computeMicros) / time.median();
  }
}
