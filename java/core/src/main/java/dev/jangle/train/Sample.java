package dev.jangle.train;

import java.util.Arrays;

/**
 * A text in tokens, and which of them the assistant wrote. Token {@code i + 1} is the label of
 * input {@code i}, so the first token is never a label and the last never an input. Immutable.
 */
public final class Sample {
  private final int[] tokens;
  private final boolean[] written;
  private final boolean learnAll;

  /**
   * Copies both arrays.
   *
   * @param tokens at least two
   * @param written for each token whether the assistant wrote it, the end token of its turn
   *     included: these are learnt, and only these may become noise
   * @param learnAll whether the other tokens are learnt, too
   * @throws IllegalArgumentException where the lengths differ or no label is learnt
   */
  public Sample(int[] tokens, boolean[] written, boolean learnAll) {
    if (tokens.length != written.length) {
      throw new IllegalArgumentException(
          tokens.length + " tokens, but marks for " + written.length + " of them");
    }
    this.tokens = tokens.clone();
    this.written = written.clone();
    this.learnAll = learnAll;
    if (!learntBefore(tokens.length)) {
      throw new IllegalArgumentException("no token of the sample is learnt");
    }
  }

  /** Tokens, the last included. */
  public int length() {
    return tokens.length;
  }

  /** The token at this place. */
  public int token(int i) {
    return tokens[i];
  }

  /** Whether the assistant wrote the token at this place. */
  public boolean written(int i) {
    return written[i];
  }

  /** Whether the token at this place counts in the loss, as the label of the one before it. */
  public boolean learnt(int i) {
    return i > 0 && (learnAll || written[i]);
  }

  /** A copy of the tokens but the last: what the model reads where there is no noise. */
  public int[] inputs() {
    return Arrays.copyOf(tokens, tokens.length - 1);
  }

  /** Whether any of the first tokens is learnt. */
  boolean learntBefore(int end) {
    for (int i = 1; i < end; i++) {
      if (learnt(i)) {
        return true;
      }
    }
    return false;
  }

  /**
   * The sample cut to its first tokens.
   *
   * @throws IllegalArgumentException where none of them is learnt
   */
  Sample first(int length) {
    return new Sample(Arrays.copyOf(tokens, length), Arrays.copyOf(written, length), learnAll);
  }
}
