package dev.jangle.train;

import dev.jangle.decode.BatchDecoder;

/**
 * How answers are distilled. Immutable: each {@code with} method returns a changed copy.
 *
 * @param maxTokens most tokens of an answer
 * @param atOnce conversations in each forward pass; changes the speed, never an answer
 * @param unfinished what becomes of an answer that reached the limit, or loops
 * @param mostRepetition the share of repeated 3-grams of tokens above which an answer loops
 */
public record DistillOptions(
    int maxTokens, int atOnce, Unfinished unfinished, double mostRepetition) {
  /** What becomes of an answer without a good end. */
  public enum Unfinished {
    /** It is left out, and what follows it in the conversation. */
    DROP,
    /**
     * It ends with its last whole sentence or line before the limit, or before the loop; the
     * conversation ends there, too. Left out where that leaves nothing.
     */
    CUT
  }

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException where one is out of range
   */
  public DistillOptions {
    require(maxTokens >= 1, "maxTokens", maxTokens, "at least 1");
    require(
        atOnce >= 1 && atOnce <= BatchDecoder.MOST_PLACES,
        "atOnce",
        atOnce,
        "1 to " + BatchDecoder.MOST_PLACES);
    require(mostRepetition >= 0 && mostRepetition <= 1, "mostRepetition", mostRepetition, "0 to 1");
  }

  /** 512 tokens, 8 at once, dropped where more than 0.4 of an answer repeats itself. */
  public static DistillOptions defaults() {
    return new DistillOptions(512, 8, Unfinished.DROP, 0.4);
  }

  /** Limits the length of an answer. */
  public DistillOptions withMaxTokens(int value) {
    return new DistillOptions(value, atOnce, unfinished, mostRepetition);
  }

  /** Sets how many conversations share a forward pass. */
  public DistillOptions withAtOnce(int value) {
    return new DistillOptions(maxTokens, value, unfinished, mostRepetition);
  }

  /** Sets what becomes of an answer without a good end. */
  public DistillOptions withUnfinished(Unfinished value) {
    return new DistillOptions(maxTokens, atOnce, value, mostRepetition);
  }

  /** Sets where a loop begins. */
  public DistillOptions withMostRepetition(double value) {
    return new DistillOptions(maxTokens, atOnce, unfinished, value);
  }

  private static void require(boolean holds, String option, Object value, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(option + " is " + value + "; expected " + expected);
    }
  }
}
