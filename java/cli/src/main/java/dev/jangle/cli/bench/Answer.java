package dev.jangle.cli.bench;

import dev.jangle.DraftKind;
import dev.jangle.GenerationResult;
import dev.jangle.Repetition;
import dev.jangle.Statistics;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The answer to all turns of a question, and what it took.
 *
 * @param tokens ids of all turns
 * @param turns their number
 * @param promptTokens prompt tokens that were computed
 * @param prefillNanos for these
 * @param decodeNanos for all tokens but the first of each turn
 * @param steps forward passes after the prompts
 * @param nodes tree nodes over all steps, roots included
 * @param drafted drafts at depth 1, 2, ...
 * @param accepted of these, how many were confirmed
 * @param bySource confirmed drafts by who guessed them
 */
public record Answer(
    List<Integer> tokens,
    int turns,
    long promptTokens,
    long prefillNanos,
    long decodeNanos,
    long steps,
    long nodes,
    List<Long> drafted,
    List<Long> accepted,
    Map<DraftKind, Long> bySource) {

  /** Fewer distinct 3-grams than this share are a loop. */
  public static final double LOOP_DISTINCT = 0.6;

  public Answer {
    tokens = List.copyOf(tokens);
    drafted = List.copyOf(drafted);
    accepted = List.copyOf(accepted);
    bySource = Map.copyOf(bySource);
  }

  static Answer of(List<GenerationResult> results) {
    List<Integer> tokens = new ArrayList<>();
    long prompt = 0;
    long prefill = 0;
    long decode = 0;
    long steps = 0;
    long nodes = 0;
    List<Long> drafted = List.of();
    List<Long> accepted = List.of();
    Map<DraftKind, Long> bySource = new EnumMap<>(DraftKind.class);
    for (GenerationResult result : results) {
      Statistics statistics = result.statistics();
      tokens.addAll(result.tokens());
      prompt += statistics.promptTokens() - statistics.cachedTokens();
      prefill += statistics.prefillNanos();
      decode += statistics.decodeNanos();
      steps += statistics.steps();
      nodes += statistics.nodes();
      drafted = plus(drafted, Arrays.stream(statistics.draftedPerDepth()).boxed().toList());
      accepted = plus(accepted, Arrays.stream(statistics.acceptedPerDepth()).boxed().toList());
      statistics.acceptedBySource().forEach((kind, n) -> bySource.merge(kind, n, Long::sum));
    }
    return new Answer(
        tokens, results.size(), prompt, prefill, decode, steps, nodes, drafted, accepted, bySource);
  }

  /** Element by element; the shorter list counts as if it went on with zeros. */
  static List<Long> plus(List<Long> a, List<Long> b) {
    List<Long> sum = new ArrayList<>();
    for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
      sum.add((i < a.size() ? a.get(i) : 0) + (i < b.size() ? b.get(i) : 0));
    }
    return sum;
  }

  /** Tokens per second of decoding; NaN where no token was decoded after the first of a turn. */
  double tokensPerSecond() {
    int decoded = tokens.size() - turns;
    return decoded > 0 && decodeNanos > 0 ? decoded * 1e9 / decodeNanos : Double.NaN;
  }

  /** Tokens per second of the whole answer, prompt included; NaN where there are none. */
  double tokensPerSecondWithPrompt() {
    long nanos = prefillNanos + decodeNanos;
    return Double.isNaN(tokensPerSecond()) ? Double.NaN : tokens.size() * 1e9 / nanos;
  }

  /**
   * 1 + accepted drafts / steps, over all steps of all answers; NaN where there was none, as when
   * every answer has one token.
   */
  public static double meanAcceptanceLength(List<Answer> answers) {
    long steps = answers.stream().mapToLong(Answer::steps).sum();
    long accepted =
        answers.stream()
            .flatMap(answer -> answer.bySource().values().stream())
            .mapToLong(Long::longValue)
            .sum();
    return steps > 0 ? 1 + (double) accepted / steps : Double.NaN;
  }

  /** Whether it repeats itself so much that it flatters every draft source. */
  public boolean looping() {
    return 1 - repetition() < LOOP_DISTINCT;
  }

  /** Share of the 3-grams of tokens that were there before. */
  public double repetition() {
    return Repetition.of(tokens);
  }
}
