package dev.jangle.cli.bench;

import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.Session;
import java.util.ArrayList;
import java.util.List;

/** Answers greedily with a model. */
public final class ModelAnswerer implements Answerer {
  private final Model model;
  private final int maxTokens;
  private final boolean allTurns;

  /**
   * @param maxTokens most tokens of each turn
   * @param allTurns whether all turns of a question are asked, one after the other
   */
  public ModelAnswerer(Model model, int maxTokens, boolean allTurns) {
    this.model = model;
    this.maxTokens = maxTokens;
    this.allTurns = allTurns;
  }

  @Override
  public Answer answer(Question question, Decoding decoding) {
    GenerationOptions options =
        GenerationOptions.defaults().withMaxTokens(maxTokens).withDecoding(decoding);
    if (question.system().isPresent()) {
      options = options.withSystem(question.system().get());
    }
    List<GenerationResult> results = new ArrayList<>();
    try (Session session = model.openSession()) {
      for (String turn : allTurns ? question.turns() : question.turns().subList(0, 1)) {
        results.add(session.send(turn, options));
      }
    }
    return Answer.of(results);
  }
}
