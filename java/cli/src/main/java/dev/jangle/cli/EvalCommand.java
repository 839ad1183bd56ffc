package dev.jangle.cli;

import dev.jangle.Decoding;
import dev.jangle.Model;
import dev.jangle.cli.bench.ModelAnswerer;
import dev.jangle.cli.bench.Question;
import dev.jangle.cli.bench.QuestionFile;
import dev.jangle.cli.eval.EvalJson;
import dev.jangle.cli.eval.EvalReport;
import dev.jangle.cli.eval.EvalText;
import dev.jangle.cli.eval.ExampleQuestions;
import dev.jangle.cli.eval.ModelFigures;
import dev.jangle.cli.eval.Trial;
import dev.jangle.cli.eval.Trials;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.Checkpoint;
import dev.jangle.train.DataSet;
import dev.jangle.train.EncodedSamples;
import dev.jangle.train.Evaluation;
import dev.jangle.train.Example;
import dev.jangle.train.SampleEncoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle eval}: what training did to a model. */
@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Evaluates a model, or two side by side, on data that they did not learn from: the loss on",
      "held-out answers, how often the right token follows noise, and the mean acceptance length",
      "of drafts. Losses are computed in float32, answers in the model's own format, greedily.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Examples:",
      "  jangle eval -m smollm2 --adapter msn/adapter --against smollm2 --data held-out.jsonl",
      "  jangle eval -m smollm2 --adapter msn/adapter --against-adapter control/adapter \\",
      "    --prompts question.jsonl --per-category 4",
      "",
      "Data files are those of training; a prompt file is one of jangle bench. The exit code is 1",
      "where two presets give other tokens."
    })
final class EvalCommand implements Callable<Integer> {
  private static final int PER_CENT = 100;

  @Mixin private ModelMixin model;

  @Option(
      names = "--against",
      paramLabel = "MODEL",
      description = "A second model, on the same backend, to stand beside the first.")
  private String against;

  @Option(
      names = "--against-adapter",
      paramLabel = "FOLDER",
      description = "An adapter for the second model, which is the first one's base by default.")
  private Path againstAdapter;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      converter = FileConverter.class,
      arity = "1..*",
      description = "Held-out conversations, for the loss and the noise.")
  private List<Path> data = List.of();

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      converter = FileConverter.class,
      description = "Questions for the acceptance length (default: the users' turns of --data).")
  private Path prompts;

  @Option(
      names = "--per-category",
      paramLabel = "N",
      description = "N spread-out questions of each task; of --data, of each file.")
  private Integer perCategory;

  @Option(names = "--questions", paramLabel = "N", description = "N spread-out questions overall.")
  private Integer count;

  @Option(
      names = "--turns",
      paramLabel = "first|all",
      description = "Ask the first turn of each question (default), or all in one conversation.")
  private BenchCommand.Turns turns = BenchCommand.Turns.FIRST;

  @Option(
      names = "--presets",
      paramLabel = "PRESET",
      split = ",",
      description = "How to draft: of jacobi, paper and auto (default: jacobi,paper,auto).")
  private List<Decoding> presets = List.of(Decoding.JACOBI, Decoding.PAPER, Decoding.AUTO);

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of an answer (default: 128).")
  private int maxTokens = 128;

  @Option(
      names = "--sequence",
      paramLabel = "N",
      description = "Held-out samples are cut to N tokens (default: 1024).")
  private int sequence = 1024;

  @Option(names = "--json", description = "Print the report as one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  EvalCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    requireUsable();
    DataSet examples = data.isEmpty() ? new DataSet(List.of(), List.of()) : read();
    List<Question> questions = questions(examples.examples());
    List<ModelFigures> figures = new ArrayList<>();
    figures.add(evaluate(model, examples, questions));
    if (against != null || againstAdapter != null) {
      figures.add(evaluate(model.with(against, againstAdapter), examples, questions));
    }
    EvalReport report = new EvalReport(presets, maxTokens, figures);
    terminal.print(json ? EvalJson.of(report) + "\n" : EvalText.of(report));
    if (report.differing() > 0) {
      throw new Failure(
          report.differing()
              + " answers are not the same for all presets: that is a defect, please report it");
    }
    return ErrorReport.OK;
  }

  private DataSet read() throws IOException {
    DataSet read = DataSet.read(data, DataSet.MOST_BAD);
    if (!read.bad().isEmpty()) {
      terminal.note(
          "%d bad lines are passed over, the first of them: %s"
              .formatted(read.bad().size(), read.bad().getFirst()));
    }
    return read;
  }

  private ModelFigures evaluate(ModelMixin its, DataSet examples, List<Question> questions)
      throws IOException {
    try (Model opened = its.open(terminal)) {
      Optional<Evaluation> heldOut =
          data.isEmpty() ? Optional.empty() : Optional.of(heldOut(its, opened, examples));
      List<Trial> trials = trials(its, opened, questions);
      return new ModelFigures(
          its.name(), opened.formatName() + " " + opened.weightFormat(), heldOut, trials);
    }
  }

  private Evaluation heldOut(ModelMixin its, Model opened, DataSet examples) throws IOException {
    SampleEncoder encoder =
        new SampleEncoder(opened.tokenizer(), sequence, SampleEncoder.TooLong.TRUNCATE, false);
    EncodedSamples encoded = EncodedSamples.of(examples, encoder, DataSet.MOST_BAD);
    int refused = encoded.bad().size() - examples.bad().size();
    if (refused > 0) {
      terminal.note(
          "%s: %d bad samples are passed over, the first of them: %s"
              .formatted(its.name(), refused, encoded.bad().get(examples.bad().size())));
    }
    if (encoder.truncated() + encoder.dropped() > 0) {
      terminal.note(
          "of %d samples, %d were cut to %d tokens and %d left out, having no answer in them"
              .formatted(
                  examples.examples().size(), encoder.truncated(), sequence, encoder.dropped()));
    }
    try (Checkpoint weights = its.openWeights(terminal);
        Progress progress = new Progress(terminal, "held-out answers", Progress.Unit.ITEMS)) {
      return Evaluation.of(
          weights,
          opened.backend(),
          encoded.samples(),
          share -> progress.update(Math.round(PER_CENT * share), PER_CENT));
    }
  }

  private List<Trial> trials(ModelMixin its, Model opened, List<Question> questions) {
    boolean allTurns = turns == BenchCommand.Turns.ALL;
    try (Progress progress = new Progress(terminal, "questions", Progress.Unit.ITEMS)) {
      List<Trial> trials =
          Trials.run(
              new ModelAnswerer(opened, maxTokens, allTurns),
              presets,
              questions,
              done -> progress.update(done, questions.size()));
      if (trials.size() < questions.size()) {
        progress.close();
        terminal.note(
            ("%s: %d of %d questions are longer than its context of %d tokens, or refused by its"
                    + " chat template, and left out")
                .formatted(
                    its.name(),
                    questions.size() - trials.size(),
                    questions.size(),
                    opened.contextLength()));
      }
      return trials;
    }
  }

  private List<Question> questions(List<Example> examples) throws IOException {
    List<Question> questions =
        prompts == null ? ExampleQuestions.of(examples) : QuestionFile.read(prompts);
    if (perCategory != null) {
      questions = QuestionFile.spreadPerTask(questions, perCategory);
    }
    return count == null ? questions : QuestionFile.spread(questions, count);
  }

  private void requireUsable() {
    if (data.isEmpty() && prompts == null) {
      throw new ParameterException(
          spec.commandLine(), "nothing to evaluate on: give --data, --prompts, or both");
    }
    if (presets.contains(Decoding.PLAIN)) {
      throw new ParameterException(
          spec.commandLine(), "--presets plain has no drafts; expected jacobi, paper or auto");
    }
    requireAtLeast(1, "--per-category", perCategory);
    requireAtLeast(1, "--questions", count);
    requireAtLeast(1, "--max-tokens", maxTokens);
    requireAtLeast(2, "--sequence", sequence);
  }

  private void requireAtLeast(int least, String option, Integer value) {
    if (value != null && value < least) {
      throw new ParameterException(
          spec.commandLine(), "%s is %d; expected at least %d".formatted(option, value, least));
    }
  }
}
