package dev.jangle.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.DraftKind;
import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.Statistics;
import java.util.Locale;

/** A result for programs. Times are in milliseconds. */
final class ResultJson {
  private ResultJson() {}

  static ObjectNode of(
      String name, Model model, GenerationOptions options, GenerationResult result) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("model", name);
    object.put("backend", lower(model.backend().kind()));
    object.put("tier", model.backend().tier().toString());
    object.put("threads", model.backend().threads());
    object.put("decoding", lower(options.decoding()));
    object.put("text", result.text());
    ArrayNode tokens = object.putArray("tokens");
    result.tokens().forEach(tokens::add);
    object.put("stop_reason", lower(result.stopReason()));
    object.set("statistics", of(result.statistics()));
    return object;
  }

  private static ObjectNode of(Statistics s) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("prompt_tokens", s.promptTokens());
    object.put("cached_tokens", s.cachedTokens());
    object.put("generated_tokens", s.generatedTokens());
    object.put("steps", s.steps());
    object.put("nodes", s.nodes());
    object.put("prefill_ms", s.prefillNanos() / 1e6);
    object.put("decode_ms", s.decodeNanos() / 1e6);
    object.put("first_token_ms", s.firstTokenNanos() / 1e6);
    object.put("prefill_tokens_per_s", s.prefillTokensPerSecond());
    object.put("tokens_per_s", s.tokensPerSecond());
    object.put("mean_acceptance_length", s.meanAcceptanceLength());
    object.put("draft_acceptance_rate", s.draftAcceptanceRate());
    numbers(object.putArray("drafted_per_depth"), s.draftedPerDepth());
    numbers(object.putArray("accepted_per_depth"), s.acceptedPerDepth());
    ObjectNode sources = object.putObject("accepted_by_source");
    for (DraftKind kind : DraftKind.values()) {
      if (kind != DraftKind.NONE) {
        sources.put(lower(kind), s.acceptedBySource().getOrDefault(kind, 0L));
      }
    }
    return object;
  }

  private static void numbers(ArrayNode array, long[] values) {
    for (long value : values) {
      array.add(value);
    }
  }

  static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
