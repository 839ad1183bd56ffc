package dev.jangle.cli.eval;

import dev.jangle.Decoding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * All figures of one model, or of two that answered the same questions. Figures of acceptance are
 * over the questions that fitted the context of each model, and "without loops" over those that
 * none of them answered by a loop: so two models are always compared on the same questions.
 *
 * @param presets in the order of the report
 * @param maxTokens most tokens of a turn
 * @param models one or two
 */
public record EvalReport(List<Decoding> presets, int maxTokens, List<ModelFigures> models) {
  public EvalReport {
    presets = List.copyOf(presets);
    models = List.copyOf(models);
  }

  /** Questions that every model answered, in the order of the file. */
  private List<Trial> answered() {
    List<Trial> common = new ArrayList<>(models.getFirst().trials());
    for (ModelFigures model : models) {
      Set<Integer> its = model.trials().stream().map(Trial::number).collect(Collectors.toSet());
      common.removeIf(trial -> !its.contains(trial.number()));
    }
    return common;
  }

  /** Numbers of all questions that count. */
  List<Integer> all() {
    return answered().stream().map(Trial::number).toList();
  }

  /** Of these, the ones that no model answered by a loop. */
  List<Integer> withoutLoops() {
    Set<Integer> loops =
        models.stream()
            .flatMap(model -> model.trials().stream())
            .filter(Trial::looping)
            .map(Trial::number)
            .collect(Collectors.toSet());
    return all().stream().filter(number -> !loops.contains(number)).toList();
  }

  /** Of these, those of each task, in the order of the questions. */
  Map<String, List<Integer>> byTask() {
    Map<String, List<Integer>> tasks = new LinkedHashMap<>();
    for (Trial trial : answered()) {
      tasks.computeIfAbsent(trial.question().task(), task -> new ArrayList<>()).add(trial.number());
    }
    return tasks;
  }

  /** Answers whose tokens are not the same for all presets: each is a defect. */
  public int differing() {
    return (int)
        models.stream()
            .flatMap(model -> model.trials().stream())
            .filter(trial -> !trial.identical())
            .count();
  }
}
