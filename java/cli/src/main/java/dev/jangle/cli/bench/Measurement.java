package dev.jangle.cli.bench;

/**
 * One question, answered both ways.
 *
 * @param plain one token per forward pass
 * @param fast with drafts
 * @param identical whether every answer to it, in every round, has the same tokens
 */
public record Measurement(Question question, Answer plain, Answer fast, boolean identical) {
  /** Fewer distinct 3-grams than this share are a loop, which flatters every draft source. */
  static final double LOOP_DISTINCT = 0.6;

  boolean looping() {
    return 1 - plain.repetition() < LOOP_DISTINCT;
  }
}
