package dev.jangle.cli.kernels;

import dev.jangle.format.DType;
import java.util.Map;

/**
 * What the device can do at most, as measured in the same run; {@link CeilingsMeter} says how.
 *
 * @param bytesPerSecond of the memory
 * @param bytesBy how that was measured
 * @param compute of each format that is multiplied
 */
public record Ceilings(double bytesPerSecond, String bytesBy, Map<DType, Compute> compute) {

  /**
   * Multiplications and additions.
   *
   * @param by how that was measured
   */
  public record Compute(double flopsPerSecond, String by) {}

  public Ceilings {
    compute = Map.copyOf(compute);
  }

  /** The least time for so many bytes of memory. */
  double memoryMicros(long bytes) {
    return bytes / bytesPerSecond * 1e6;
  }

  /** The least time for so many multiplications and additions; 0 where there is no ceiling. */
  double computeMicros(DType format, double flops) {
    Compute ceiling = compute.get(format);
    return flops == 0 || ceiling == null ? 0 : flops / ceiling.flopsPerSecond() * 1e6;
  }
}
