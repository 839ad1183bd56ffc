package dev.jangle.cli.bench;

/**
 * What a benchmark ran, and where.
 *
 * @param model what the user called it
 * @param format of its weights
 * @param backend cpu or cuda
 * @param device the processor's or GPU's name
 * @param tier instruction-set tier
 * @param threads on the CPU
 * @param decoding jacobi, paper or auto
 * @param maxTokens most tokens of a turn
 * @param rounds how often each question was answered each way
 */
public record BenchSetup(
    String model,
    String format,
    String backend,
    String device,
    String tier,
    int threads,
    String decoding,
    int maxTokens,
    int rounds) {}
