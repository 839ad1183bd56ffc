package dev.jangle.cli.bench;

import dev.jangle.Decoding;

/** Answers questions: a model, or in tests something that pretends to be one. */
@FunctionalInterface
public interface Answerer {
  /**
   * Answers in a fresh session.
   *
   * @throws dev.jangle.cache.ContextFullException where the question is longer than the context
   */
  Answer answer(Question question, Decoding decoding);
}
