package dev.jangle.cli.bench;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Figures over several questions; NaN where there is nothing to take them from.
 *
 * @param questions their number
 * @param plainTokensPerSecond mean over questions, decoding alone
 * @param tokensPerSecond the same with drafts
 * @param speedup Spec-Bench's formula on these: the ratio of the two means
 * @param speedupWithPrompt the same formula on whole answers, prompt included, as Spec-Bench's own
 *     script takes the time
 * @param totalTimeRatio plain decoding time of all questions together, divided by the other
 * @param meanAcceptanceLength 1 + accepted drafts / steps, over all steps
 * @param repetition mean over questions of the share of repeated 3-grams
 */
record Summary(
    int questions,
    double plainTokensPerSecond,
    double tokensPerSecond,
    double speedup,
    double speedupWithPrompt,
    double totalTimeRatio,
    double meanAcceptanceLength,
    double repetition) {

  static Summary of(List<Measurement> measurements) {
    double plain = mean(measurements, m -> m.plain().tokensPerSecond());
    double fast = mean(measurements, m -> m.fast().tokensPerSecond());
    double plainWhole = mean(measurements, m -> m.plain().tokensPerSecondWithPrompt());
    double fastWhole = mean(measurements, m -> m.fast().tokensPerSecondWithPrompt());
    double plainTime = measurements.stream().mapToLong(m -> m.plain().decodeNanos()).sum();
    double fastTime = measurements.stream().mapToLong(m -> m.fast().decodeNanos()).sum();
    return new Summary(
        measurements.size(),
        plain,
        fast,
        fast / plain,
        fastWhole / plainWhole,
        fastTime > 0 ? plainTime / fastTime : Double.NaN,
        Answer.meanAcceptanceLength(measurements.stream().map(Measurement::fast).toList()),
        mean(measurements, m -> m.plain().repetition()));
  }

  /** Questions without a figure are left out: an answer of one token has no speed. */
  private static double mean(List<Measurement> measurements, ToDoubleFunction<Measurement> figure) {
    return measurements.stream()
        .mapToDouble(figure)
        .filter(Double::isFinite)
        .average()
        .orElse(Double.NaN);
  }
}
