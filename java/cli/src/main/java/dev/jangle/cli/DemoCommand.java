package dev.jangle.cli;

import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.ModelOptions;
import dev.jangle.StopReason;
import dev.jangle.TokenEvent;
import dev.jangle.TokenStream;
import dev.jangle.cli.bench.Question;
import dev.jangle.cli.bench.QuestionFile;
import dev.jangle.cli.pull.AdapterStore;
import dev.jangle.cli.pull.ModelPuller;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Columns;
import dev.jangle.cli.term.Columns.Piece;
import dev.jangle.cli.term.DraftColors;
import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Table;
import dev.jangle.cli.term.Terminal;
import dev.jangle.smollm2.MsnAdapter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle demo}: the same answers written one token at a time and several at a time. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Answers a few questions plainly and with TR-Jacobi, side by side, and compares the tokens.",
      "The two take turns and never compute at the same time: whichever has used less time goes",
      "next, so the columns grow as if each had the machine to itself. The model has the adapter",
      "that comes with Jangle, trained for drafts; how many tokens a pass gives without it, in the",
      "base model's own answer, stands beside.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {"", "Example:", "  jangle demo --max-tokens 128"})
final class DemoCommand implements Callable<Integer> {
  private static final String MODEL = "smollm2";
  private static final List<String> TASKS = List.of("chat", "translation", "summarization");
  private static final String NONE = "none";
  private static final int LEAST_WIDTH = 80;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Tokens of each answer at most (default: 96).")
  private int maxTokens = 96;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads on the CPU (default: 0, one per processor).")
  private int threads;

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description = "An adapter of smollm2, or none (default: smollm2-msn).")
  private Path adapter = Path.of(MsnAdapter.NAME);

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  DemoCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** One of the two ways to the same answer. */
  private static final class Runner {
    final TokenStream stream;
    final List<Piece> pieces = new ArrayList<>();
    long nanos;

    Runner(TokenStream stream) {
      this.stream = stream;
    }

    /** Reads one forward pass's first token; false at the end. */
    boolean advance(DraftColors colors) {
      long start = System.nanoTime();
      boolean more = stream.hasNext();
      if (more) {
        TokenEvent event = stream.next();
        pieces.add(new Piece(event.text(), colors.paint(event.text(), event.source())));
      }
      nanos += System.nanoTime() - start;
      return more;
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    GenerationOptions options;
    ModelOptions plain;
    try {
      options = GenerationOptions.defaults().withMaxTokens(maxTokens);
      plain = ModelOptions.defaults().withThreads(threads);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    ModelStore store = new ModelStore(terminal);
    if (!store.pulled().contains(MODEL)) {
      Path path = new ModelPuller(terminal, store).pull(MODEL);
      terminal.note(path.toString());
    }
    Path path = store.resolve(MODEL);
    if (adapter.toString().equals(NONE)) {
      try (Model model = open(path, plain, options)) {
        return show(model, null, options);
      }
    }
    Path folder = new AdapterStore(terminal).resolve(adapter);
    try (Model model = open(path, plain.withAdapter(folder), options);
        Model base = open(path, plain, options)) {
      return show(model, base, options);
    }
  }

  private Model open(Path path, ModelOptions options, GenerationOptions generation)
      throws IOException {
    String name = options.adapter().map(folder -> MODEL + " with " + adapter).orElse(MODEL);
    try (Progress progress = new Progress(terminal, "loading " + name, Progress.Unit.BYTES)) {
      Model model = Model.open(path, options.withProgress(progress::update));
      progress.close();
      terminal.note("measuring how much several rows cost this machine");
      model.stepCosts();
      warmUp(model, generation);
      return model;
    }
  }

  private static void warmUp(Model model, GenerationOptions options) {
    for (Decoding decoding : new Decoding[] {Decoding.PLAIN, Decoding.AUTO}) {
      model.generate("Hello", options.withMaxTokens(16).withDecoding(decoding));
    }
  }

  /**
   * Answers and compares.
   *
   * @param base the model without its adapter; null where it has none
   */
  private int show(Model model, Model base, GenerationOptions options) throws IOException {
    terminal.printLine(new DraftColors(terminal.outColors()).legend());
    List<String> header =
        new ArrayList<>(
            List.of("question", "plain", "TR-Jacobi", "speed-up", "identical", "tokens per pass"));
    if (base != null) {
      header.add("without adapter");
    }
    Table table = new Table(header.toArray(new String[0]));
    boolean identical = true;
    for (Question question : questions()) {
      List<GenerationResult> results = race(model, question.turns().getFirst(), options);
      GenerationResult plain = results.get(0);
      GenerationResult fast = results.get(1);
      if (plain.stopReason() == StopReason.CANCELLED || fast.stopReason() == StopReason.CANCELLED) {
        return Interrupts.EXIT_CODE;
      }
      boolean same = plain.tokens().equals(fast.tokens());
      identical &= same;
      double plainRate = plain.statistics().tokensPerSecond();
      double fastRate = fast.statistics().tokensPerSecond();
      List<String> row =
          new ArrayList<>(
              List.of(
                  question.task(),
                  Amounts.decimal(plainRate, 1) + " tokens/s",
                  Amounts.decimal(fastRate, 1) + " tokens/s",
                  Amounts.decimal(fastRate / plainRate, 2) + "x",
                  same ? "yes" : "no",
                  tokensPerPass(fast)));
      if (base != null) {
        GenerationOptions fastest = options.withDecoding(Decoding.AUTO);
        row.add(tokensPerPass(base.generate(question.turns().getFirst(), fastest)));
      }
      table.row(row.toArray(new String[0]));
    }
    terminal.print("\n" + table.render());
    terminal.printLine("identical: " + (identical ? "yes" : "no"));
    return identical ? ErrorReport.OK : ErrorReport.FAILURE;
  }

  private static String tokensPerPass(GenerationResult result) {
    return Amounts.decimal(result.statistics().meanAcceptanceLength(), 2);
  }

  /** The first built-in question of each task. */
  private static List<Question> questions() throws IOException {
    List<Question> all = QuestionFile.builtIn();
    List<Question> chosen = new ArrayList<>();
    for (String task : TASKS) {
      all.stream()
          .filter(question -> question.task().equals(task))
          .findFirst()
          .ifPresent(chosen::add);
    }
    return chosen;
  }

  /** The plain answer's result, then the accelerated one's. */
  private List<GenerationResult> race(Model model, String prompt, GenerationOptions options) {
    boolean columns = terminal.cursorMoves() && terminal.size().columns() >= LEAST_WIDTH;
    terminal.printLine("\n> " + prompt + "\n");
    DraftColors colors = new DraftColors(terminal.outColors());
    try (TokenStream plainStream = model.stream(prompt, options.withDecoding(Decoding.PLAIN));
        TokenStream fastStream = model.stream(prompt, options.withDecoding(Decoding.AUTO));
        Interrupts.Scope scope =
            Interrupts.first(
                () -> {
                  plainStream.cancel();
                  fastStream.cancel();
                })) {
      Runner plain = new Runner(plainStream);
      Runner fast = new Runner(fastStream);
      Columns view = columns ? new Columns(terminal) : null;
      boolean plainMore = true;
      boolean fastMore = true;
      while (plainMore || fastMore) {
        if (plainMore && (!fastMore || plain.nanos <= fast.nanos)) {
          plainMore = plain.advance(colors);
        } else {
          fastMore = fast.advance(colors);
        }
        if (view != null) {
          view.draw(plain.pieces, fast.pieces);
        }
      }
      if (view == null) {
        terminal.printLine("plain:\n" + text(plain) + "\n\nTR-Jacobi:\n" + text(fast));
      }
      return List.of(plainStream.result(), fastStream.result());
    }
  }

  private static String text(Runner runner) {
    StringBuilder text = new StringBuilder();
    runner.pieces.forEach(piece -> text.append(piece.painted()));
    return text.toString();
  }
}
