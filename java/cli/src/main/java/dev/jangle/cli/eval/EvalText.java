package dev.jangle.cli.eval;

import dev.jangle.Decoding;
import dev.jangle.cli.bench.Answer;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Table;
import dev.jangle.train.Denoising;
import dev.jangle.train.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** An evaluation's report for people: the models side by side, and the ratio of the two. */
public final class EvalText {
  private static final List<String> LETTERS = List.of("A", "B");

  private final EvalReport report;
  private final StringBuilder text = new StringBuilder();

  private EvalText(EvalReport report) {
    this.report = report;
  }

  /** Lines, each with its line feed. */
  public static String of(EvalReport report) {
    EvalText text = new EvalText(report);
    text.models();
    if (report.models().getFirst().heldOut().isPresent()) {
      text.heldOut();
    }
    for (Decoding preset : report.presets()) {
      if (!report.all().isEmpty()) {
        text.acceptance(preset);
      }
    }
    return text.text.toString();
  }

  private void models() {
    for (int i = 0; i < report.models().size(); i++) {
      ModelFigures model = report.models().get(i);
      line(LETTERS.get(i) + "  " + model.name() + ", " + model.format());
    }
  }

  private void heldOut() {
    Evaluation first = report.models().getFirst().heldOut().orElseThrow();
    line("");
    line(
        ("Held-out answers: %s samples, %s tokens; noise: segments of %d random tokens, %s places at"
                + " each depth")
            .formatted(
                Amounts.count(first.samples()),
                Amounts.count(first.labels()),
                Denoising.DEPTHS,
                Amounts.count(first.denoising().all().getFirst())));
    Table table = new Table(header("figure").toArray(new String[0]));
    figure(table, "clean loss", 4, Evaluation::loss);
    for (int depth = 1; depth <= Denoising.DEPTHS; depth++) {
      int at = depth;
      figure(
          table,
          "denoising top-1, noise " + depth,
          3,
          evaluation -> evaluation.denoising().accuracy(at));
    }
    text.append(table.render());
  }

  private void figure(Table table, String name, int decimals, ToDoubleFunction<Evaluation> figure) {
    List<String> cells = new ArrayList<>(List.of(name));
    figures(
        cells,
        report.models().stream()
            .map(model -> figure.applyAsDouble(model.heldOut().orElseThrow()))
            .toList(),
        decimals);
    table.row(cells.toArray(new String[0]));
  }

  private void acceptance(Decoding preset) {
    line("");
    line(
        "Mean acceptance length, %s, greedy, at most %d tokens"
            .formatted(preset.name().toLowerCase(Locale.ROOT), report.maxTokens()));
    List<String> header = header("task", "questions");
    for (String letter : LETTERS.subList(0, report.models().size())) {
      header.add("repetition " + letter);
    }
    Table table = new Table(header.toArray(new String[0]));
    report.byTask().forEach((task, questions) -> row(table, preset, task, questions));
    row(table, preset, "all", report.all());
    int loops = report.all().size() - report.withoutLoops().size();
    if (loops > 0) {
      row(table, preset, "without " + loops + " loops", report.withoutLoops());
    }
    text.append(table.render());
    if (loops > 0) {
      line(
          "(a loop: fewer than %s of the 3-grams of an answer are distinct)"
              .formatted(Answer.LOOP_DISTINCT));
    }
  }

  private void row(Table table, Decoding preset, String name, List<Integer> questions) {
    List<ModelFigures.Acceptance> models =
        report.models().stream().map(model -> model.acceptance(preset, questions)).toList();
    List<String> cells = new ArrayList<>(List.of(name, Integer.toString(questions.size())));
    figures(cells, models.stream().map(ModelFigures.Acceptance::meanAcceptanceLength).toList(), 3);
    models.forEach(model -> cells.add(Amounts.decimal(model.repetition(), 2)));
    table.row(cells.toArray(new String[0]));
  }

  private List<String> header(String... first) {
    List<String> header = new ArrayList<>(List.of(first));
    header.addAll(LETTERS.subList(0, report.models().size()));
    if (report.models().size() == 2) {
      header.add("A/B");
    }
    return header;
  }

  /** One figure of each model, and the ratio of two. */
  private static void figures(List<String> cells, List<Double> values, int decimals) {
    values.forEach(value -> cells.add(Amounts.decimal(value, decimals)));
    if (values.size() == 2) {
      cells.add(Amounts.decimal(values.get(0) / values.get(1), 3));
    }
  }

  private void line(String line) {
    text.append(line).append('\n');
  }
}
