package dev.jangle.cli.bench;

import static dev.jangle.cli.JsonFigures.put;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;

/** A benchmark's report for programs. A figure that there is none of is null. */
public final class BenchJson {
  private BenchJson() {}

  public static ObjectNode of(BenchReport report) {
    BenchSetup setup = report.setup();
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("model", setup.model());
    object.put("format", setup.format());
    object.put("backend", setup.backend());
    object.put("device", setup.device());
    object.put("tier", setup.tier());
    object.put("threads", setup.threads());
    object.put("preset", setup.decoding());
    object.put("max_tokens", setup.maxTokens());
    object.put("rounds", setup.rounds());
    object.put("identical", report.identical());
    object.put("skipped", report.skipped());
    put(object, "prefill_tokens_per_s", report.prefillTokensPerSecond());
    object.setAll(of(report.all()));
    object.put("steps", report.steps());
    object.put("nodes", report.nodes());
    numbers(object.putArray("drafted_per_depth"), report.draftedPerDepth());
    numbers(object.putArray("accepted_per_depth"), report.acceptedPerDepth());
    ObjectNode sources = object.putObject("accepted_by_source");
    report
        .acceptedBySource()
        .forEach((kind, count) -> sources.put(kind.name().toLowerCase(Locale.ROOT), count));
    object.put("looping", report.looping());
    object.set("without_loops", of(report.withoutLoops()));
    ObjectNode tasks = object.putObject("by_category");
    report.byTask().forEach((task, summary) -> tasks.set(task, of(summary)));
    ArrayNode times = object.putArray("t_of_m");
    for (StepTime time : report.stepTimes()) {
      ObjectNode entry = times.addObject();
      entry.put("rows", time.rows());
      put(entry, "ms", time.millis());
      put(entry, "ratio", time.millis() / report.stepTimes().getFirst().millis());
    }
    return object;
  }

  private static ObjectNode of(Summary summary) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("questions", summary.questions());
    put(object, "plain_tokens_per_s", summary.plainTokensPerSecond());
    put(object, "tokens_per_s", summary.tokensPerSecond());
    put(object, "speedup", summary.speedup());
    put(object, "speedup_with_prompt", summary.speedupWithPrompt());
    put(object, "speedup_total_time", summary.totalTimeRatio());
    put(object, "mean_acceptance_length", summary.meanAcceptanceLength());
    put(object, "repetition", summary.repetition());
    return object;
  }

  private static void numbers(ArrayNode array, List<Long> values) {
    values.forEach(array::add);
  }
}
