package dev.jangle.cli.bench;

import dev.jangle.DraftKind;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * All figures of a benchmark.
 *
 * @param setup what ran, and where
 * @param measurements one for each question that fitted the context
 * @param skipped questions that did not
 * @param stepTimes T(m), m ascending from 1
 */
public record BenchReport(
    BenchSetup setup, List<Measurement> measurements, int skipped, List<StepTime> stepTimes) {

  public BenchReport {
    measurements = List.copyOf(measurements);
    stepTimes = List.copyOf(stepTimes);
  }

  Summary all() {
    return Summary.of(measurements);
  }

  Summary withoutLoops() {
    return Summary.of(measurements.stream().filter(m -> !m.looping()).toList());
  }

  int looping() {
    return (int) measurements.stream().filter(Measurement::looping).count();
  }

  /** By task, in the order of the questions. */
  Map<String, Summary> byTask() {
    Map<String, List<Measurement>> tasks = new LinkedHashMap<>();
    for (Measurement measurement : measurements) {
      tasks
          .computeIfAbsent(measurement.question().task(), task -> new ArrayList<>())
          .add(measurement);
    }
    Map<String, Summary> summaries = new LinkedHashMap<>();
    tasks.forEach((task, its) -> summaries.put(task, Summary.of(its)));
    return summaries;
  }

  /** Questions whose answers are the same tokens both ways. */
  public int identical() {
    return (int) measurements.stream().filter(Measurement::identical).count();
  }

  /** Prompt tokens per second over all runs; NaN where none was computed. */
  double prefillTokensPerSecond() {
    long tokens = 0;
    long nanos = 0;
    for (Measurement measurement : measurements) {
      tokens += measurement.plain().promptTokens() + measurement.fast().promptTokens();
      nanos += measurement.plain().prefillNanos() + measurement.fast().prefillNanos();
    }
    return nanos > 0 ? tokens * 1e9 / nanos : Double.NaN;
  }

  long steps() {
    return measurements.stream().mapToLong(m -> m.fast().steps()).sum();
  }

  long nodes() {
    return measurements.stream().mapToLong(m -> m.fast().nodes()).sum();
  }

  List<Long> draftedPerDepth() {
    return measurements.stream().map(m -> m.fast().drafted()).reduce(List.of(), Answer::plus);
  }

  List<Long> acceptedPerDepth() {
    return measurements.stream().map(m -> m.fast().accepted()).reduce(List.of(), Answer::plus);
  }

  Map<DraftKind, Long> acceptedBySource() {
    Map<DraftKind, Long> sums = new EnumMap<>(DraftKind.class);
    for (DraftKind kind : DraftKind.values()) {
      if (kind != DraftKind.NONE) {
        sums.put(
            kind,
            measurements.stream().mapToLong(m -> m.fast().bySource().getOrDefault(kind, 0L)).sum());
      }
    }
    return sums;
  }
}
