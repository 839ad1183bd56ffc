package dev.jangle.cli.eval;

import dev.jangle.Decoding;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cli.bench.Answer;
import dev.jangle.cli.bench.Answerer;
import dev.jangle.cli.bench.Question;
import dev.jangle.text.TemplateException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/** Has a model answer questions with each preset. */
public final class Trials {
  private Trials() {}

  /**
   * Leaves out questions that are longer than the context, or that the chat template refuses.
   *
   * @param presets at least one
   * @param progress told the number of questions that are done
   */
  public static List<Trial> run(
      Answerer answerer, List<Decoding> presets, List<Question> questions, IntConsumer progress) {
    List<Trial> trials = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      try {
        trials.add(answer(answerer, presets, i, questions.get(i)));
      } catch (ContextFullException | TemplateException e) {
        // No preset's answer is counted: figures of presets are over the same questions.
      }
      progress.accept(i + 1);
    }
    return trials;
  }

  private static Trial answer(
      Answerer answerer, List<Decoding> presets, int number, Question question) {
    Map<Decoding, Answer> answers = new EnumMap<>(Decoding.class);
    for (Decoding preset : presets) {
      answers.put(preset, answerer.answer(question, preset));
    }
    boolean identical = answers.values().stream().map(Answer::tokens).distinct().count() == 1;
    return new Trial(number, question, answers, identical);
  }
}
