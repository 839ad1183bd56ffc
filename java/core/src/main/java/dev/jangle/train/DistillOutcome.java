package dev.jangle.train;

/** What became of an example. */
public enum DistillOutcome {
  /** All of its answers are in the output. */
  KEPT,
  /** Its last answer, or its last turns, are missing; what is there is good. */
  CUT,
  /** Left out: the first answer reached the limit of tokens, or the end of the context. */
  LIMIT,
  /** Left out: the first answer repeats itself. */
  LOOP,
  /** Left out: the model has nothing to say. */
  EMPTY,
  /** Left out: the first question is longer than the context. */
  TOO_LONG,
  /** Left out: the chat template refuses the conversation, or it begins with an answer. */
  REFUSED,
  /** Left out: a plain text has no answers. */
  PLAIN_TEXT;

  /** Whether it is in the output. */
  public boolean written() {
    return this == KEPT || this == CUT;
  }
}
