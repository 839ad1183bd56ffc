package dev.jangle.cli;

import dev.jangle.Decoding;
import dev.jangle.Model;
import dev.jangle.cli.bench.BenchJson;
import dev.jangle.cli.bench.BenchReport;
import dev.jangle.cli.bench.BenchSetup;
import dev.jangle.cli.bench.BenchText;
import dev.jangle.cli.bench.Benchmark;
import dev.jangle.cli.bench.Measurement;
import dev.jangle.cli.bench.ModelAnswerer;
import dev.jangle.cli.bench.Question;
import dev.jangle.cli.bench.QuestionFile;
import dev.jangle.cli.bench.StepTime;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle bench}: how much faster the same tokens come. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Answers each question plainly and with drafts, in turns and in the same process, compares",
      "the tokens, and reports speeds, acceptance, repetition and T(m)/T(1). Tokens/s and speed-up",
      "are of decoding; the speed-up with the prompt's time is given beside them.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Examples:",
      "  jangle bench -m smollm2",
      "  jangle bench -m smollm2 --prompts question.jsonl --per-category 4 --rounds 3",
      "  jangle bench -m smollm2 --decoding paper --json > paper.json",
      "",
      "A prompt file has a JSON object a line: question_id, category, turns (Spec-Bench's layout).",
      "The exit code is 1 where any answer differs from plain decoding's."
    })
final class BenchCommand implements Callable<Integer> {
  private static final int WARM_UP_TOKENS = 24;

  /** Which turns of a question are asked. */
  enum Turns {
    FIRST,
    ALL
  }

  @Mixin private ModelMixin model;

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      converter = FileConverter.class,
      description = "Questions (default: twelve of our own, two for each task of Spec-Bench).")
  private Path prompts;

  @Option(
      names = "--per-category",
      paramLabel = "N",
      description = "N spread-out questions of each task; MT-Bench's categories are one: chat.")
  private Integer perCategory;

  @Option(names = "--questions", paramLabel = "N", description = "N spread-out questions overall.")
  private Integer count;

  @Option(
      names = "--turns",
      paramLabel = "first|all",
      description = "Ask the first turn of each question (default), or all in one conversation.")
  private Turns turns = Turns.FIRST;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of an answer (default: 128).")
  private int maxTokens = 128;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Answer each question N times each way and take the median (default: 1).")
  private int rounds = 1;

  @Option(
      names = "--decoding",
      paramLabel = "jacobi|paper|auto",
      description = "What is compared with plain decoding (default: auto).")
  private Decoding decoding = Decoding.AUTO;

  @Option(names = "--json", description = "Print the report as one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  BenchCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    requireUsable();
    List<Question> questions = questions();
    try (Model opened = model.open(terminal)) {
      BenchReport report = measure(opened, questions);
      terminal.print(json ? BenchJson.of(report) + "\n" : BenchText.of(report));
      int differing = report.measurements().size() - report.identical();
      if (differing > 0) {
        throw new Failure(
            differing
                + " of "
                + report.measurements().size()
                + " answers differ from plain decoding: that is a defect, please report it");
      }
    }
    return ErrorReport.OK;
  }

  private BenchReport measure(Model opened, List<Question> questions) {
    List<StepTime> stepTimes = stepTimes(opened);
    boolean allTurns = turns == Turns.ALL;
    int warmUpTokens = Math.min(maxTokens, WARM_UP_TOKENS);
    new Benchmark(new ModelAnswerer(opened, warmUpTokens, allTurns), decoding, 1)
        .run(questions.subList(0, 1), done -> {});
    Benchmark benchmark =
        new Benchmark(new ModelAnswerer(opened, maxTokens, allTurns), decoding, rounds);
    try (Progress progress = new Progress(terminal, "questions", Progress.Unit.ITEMS)) {
      List<Measurement> measurements =
          benchmark.run(questions, done -> progress.update(done, questions.size()));
      if (measurements.isEmpty()) {
        throw new Failure("no question fits the context of " + opened.contextLength() + " tokens");
      }
      return new BenchReport(setup(opened), measurements, benchmark.skipped().size(), stepTimes);
    }
  }

  private static List<StepTime> stepTimes(Model opened) {
    var costs = opened.stepCosts();
    return Arrays.stream(costs.measuredRows())
        .mapToObj(rows -> new StepTime(rows, costs.millis(rows)))
        .toList();
  }

  private BenchSetup setup(Model opened) {
    return new BenchSetup(
        model.name(),
        opened.formatName() + " " + opened.weightFormat(),
        ResultJson.lower(opened.backend().kind()),
        opened.backend().deviceName(),
        opened.backend().tier().toString(),
        opened.backend().threads(),
        ResultJson.lower(decoding),
        maxTokens,
        rounds);
  }

  private List<Question> questions() throws IOException {
    List<Question> questions =
        prompts == null ? QuestionFile.builtIn() : QuestionFile.read(prompts);
    if (perCategory != null) {
      questions = QuestionFile.spreadPerTask(questions, perCategory);
    }
    return count == null ? questions : QuestionFile.spread(questions, count);
  }

  private void requireUsable() {
    if (decoding == Decoding.PLAIN) {
      throw new ParameterException(
          spec.commandLine(),
          "--decoding plain: the benchmark compares with it; expected jacobi, paper or auto");
    }
    requirePositive("--per-category", perCategory);
    requirePositive("--questions", count);
    requirePositive("--max-tokens", maxTokens);
    requirePositive("--rounds", rounds);
  }

  private void requirePositive(String option, Integer value) {
    if (value != null && value < 1) {
      throw new ParameterException(
          spec.commandLine(), option + " is " + value + "; expected at least 1");
    }
  }
}
