package dev.jangle.cli.eval;

import dev.jangle.Decoding;
import dev.jangle.cli.bench.Answer;
import dev.jangle.cli.bench.Question;
import java.util.Map;

/**
 * One question, answered by one model with every preset.
 *
 * @param number of the question, from 0
 * @param answers one for each preset; at least one
 * @param identical whether all have the same tokens, as they must
 */
public record Trial(
    int number, Question question, Map<Decoding, Answer> answers, boolean identical) {
  public Trial {
    answers = Map.copyOf(answers);
  }

  /** Share of repeated 3-grams in the answer, which is the same for all presets. */
  double repetition() {
    return answers.values().iterator().next().repetition();
  }

  boolean looping() {
    return answers.values().iterator().next().looping();
  }
}
