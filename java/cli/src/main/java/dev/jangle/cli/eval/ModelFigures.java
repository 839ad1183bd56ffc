package dev.jangle.cli.eval;

import dev.jangle.Decoding;
import dev.jangle.cli.bench.Answer;
import dev.jangle.train.Evaluation;
import java.util.List;
import java.util.Optional;

/**
 * What one model showed.
 *
 * @param name what the user calls it
 * @param format of its file and weights
 * @param heldOut its losses; empty where no data was given
 * @param trials its answers
 */
public record ModelFigures(
    String name, String format, Optional<Evaluation> heldOut, List<Trial> trials) {
  public ModelFigures {
    trials = List.copyOf(trials);
  }

  /**
   * Acceptance over some of the questions; NaN where there are none.
   *
   * @param meanAcceptanceLength 1 + accepted drafts / steps, over all steps
   * @param repetition mean over questions of the share of repeated 3-grams
   */
  record Acceptance(double meanAcceptanceLength, double repetition) {}

  Acceptance acceptance(Decoding preset, List<Integer> questions) {
    List<Trial> chosen =
        trials.stream().filter(trial -> questions.contains(trial.number())).toList();
    List<Answer> answers = chosen.stream().map(trial -> trial.answers().get(preset)).toList();
    return new Acceptance(
        Answer.meanAcceptanceLength(answers),
        chosen.stream().mapToDouble(Trial::repetition).average().orElse(Double.NaN));
  }
}
