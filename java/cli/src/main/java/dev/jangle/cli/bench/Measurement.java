package dev.jangle.cli.bench;

/**
 * One question, answered both ways.
 *
 * @param plain one token per forward pass
 * @param fast with drafts
 * @param identical whether every answer to it, in every round, has the same tokens
 */
public record Measurement(Question question, Answer plain, Answer fast, boolean identical) {
  boolean looping() {
    return plain.looping();
  }
}
