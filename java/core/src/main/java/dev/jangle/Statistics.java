package dev.jangle;

import java.util.Map;

/**
 * What a generation took. The words are vLLM's; every forward pass counts as a step, the last one
 * too.
 *
 * @param promptTokens tokens of the prompt, those found in the cache included
 * @param cachedTokens tokens of the prompt whose keys and values were in the cache already
 * @param generatedTokens tokens written
 * @param steps forward passes after the prompt's
 * @param nodes tree nodes over all steps, roots included
 * @param prefillNanos time for the prompt
 * @param decodeNanos time from the first token on
 * @param firstTokenNanos from the call to the first token
 * @param draftedPerDepth number of drafts at depth 1, 2, ...
 * @param acceptedPerDepth of these, how many the model confirmed
 * @param acceptedBySource confirmed drafts by who guessed them
 */
@SuppressWarnings("ArrayRecordComponent") // copied on the way in and out
public record Statistics(
    int promptTokens,
    int cachedTokens,
    int generatedTokens,
    int steps,
    long nodes,
    long prefillNanos,
    long decodeNanos,
    long firstTokenNanos,
    long[] draftedPerDepth,
    long[] acceptedPerDepth,
    Map<DraftKind, Long> acceptedBySource) {

  /** Copies the arrays and the map. */
  public Statistics {
    acceptedBySource = Map.copyOf(acceptedBySource);
    draftedPerDepth = draftedPerDepth.clone();
    acceptedPerDepth = acceptedPerDepth.clone();
  }

  /** A copy of the number of drafts at depth 1, 2, ... */
  @Override
  public long[] draftedPerDepth() {
    return draftedPerDepth.clone();
  }

  /** A copy of how many of {@link #draftedPerDepth} the model confirmed. */
  @Override
  public long[] acceptedPerDepth() {
    return acceptedPerDepth.clone();
  }

  /** Confirmed drafts. */
  public long accepted() {
    return acceptedBySource.values().stream().mapToLong(Long::longValue).sum();
  }

  /** 1 + accepted drafts / steps; plain decoding has 1. */
  public double meanAcceptanceLength() {
    return steps == 0 ? 1 : 1 + (double) accepted() / steps;
  }

  /** Accepted drafts / all drafts; 0 where there were none. */
  public double draftAcceptanceRate() {
    return nodes == steps ? 0 : (double) accepted() / (nodes - steps);
  }

  /** Tree nodes per forward pass; plain decoding has 1. */
  public double nodesPerStep() {
    return steps == 0 ? 1 : (double) nodes / steps;
  }

  /** Prompt tokens computed per second, those found in the cache left out. */
  public double prefillTokensPerSecond() {
    return perSecond(promptTokens - cachedTokens, prefillNanos);
  }

  /**
   * Tokens written per second of decoding: the first token, which the prompt's pass gives, is not
   * counted.
   */
  public double tokensPerSecond() {
    return perSecond(generatedTokens - 1L, decodeNanos);
  }

  private static double perSecond(long tokens, long nanos) {
    return nanos <= 0 ? 0 : tokens * 1e9 / nanos;
  }
}
