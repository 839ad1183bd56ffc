package dev.jangle;

import java.util.List;

/**
 * A finished generation.
 *
 * @param text the output without end token or stop string
 * @param tokens the ids behind the text, in order; with a stop string they reach to its end
 * @param stopReason why it ended
 * @param statistics what it took
 */
public record GenerationResult(
    String text, List<Integer> tokens, StopReason stopReason, Statistics statistics) {
  /** Copies the tokens. */
  public GenerationResult {
    tokens = List.copyOf(tokens);
  }
}
