package dev.jangle.cli.kernels;

import java.util.List;

/**
 * All figures of a run.
 *
 * @param backend cpu, cuda or cudasim
 * @param device the processor's or GPU's name
 * @param threads of a CPU
 * @param cacheBytes of the device's last cache
 * @param rotatedBytes what the buffers that take turns have together, where they are many enough
 * @param cublas its version; empty where there is none
 * @param cublasMissing why there is none; empty where there is one, and on a CPU
 * @param results in the order of the subjects, rows ascending
 * @param skipped what there was not enough memory for
 */
public record KernelReport(
    String backend,
    String device,
    String tier,
    int threads,
    long cacheBytes,
    long rotatedBytes,
    Ceilings ceilings,
    String cublas,
    String cublasMissing,
    List<KernelResult> results,
    List<Skipped> skipped) {

  /** What was left out, and why. */
  public record Skipped(Subject subject, String reason) {}

  public KernelReport {
    results = List.copyOf(results);
    skipped = List.copyOf(skipped);
  }
}
