package dev.jangle.cli;

import dev.jangle.backend.BackendKind;
import dev.jangle.cli.bench.QuestionFile;
import dev.jangle.cli.pull.AdapterStore;
import dev.jangle.cli.pull.ModelPuller;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.cli.train.Probe;
import dev.jangle.cli.train.TrainingChart;
import dev.jangle.cli.train.TrainingExample;
import dev.jangle.train.LoraOptions;
import dev.jangle.train.NoiseStrategy;
import dev.jangle.train.SampleEncoder;
import dev.jangle.train.Trainer;
import dev.jangle.train.TrainingEvent;
import dev.jangle.train.TrainingOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle train}: makes a model good at drafts. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Fine-tunes a model on conversations while some of its inputs are noise, so",
      "that it learns to go on rightly after wrong drafts. Where DIR holds a part of",
      "the same run, goes on from its last checkpoint, with the numbers that it would",
      "have had without a break.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Examples:",
      "  jangle train -m smollm2 --data chats.jsonl --out run",
      "  jangle train -m smollm2 --data chats.jsonl --out control --noise none",
      "  jangle train --example --out rhymes",
      "",
      "A data file has a JSON object a line: messages (OpenAI's), conversations (ShareGPT's),",
      "instruction, input and output (Alpaca's), or text. Ctrl-C writes a checkpoint and ends; the",
      "same command goes on."
    })
final class TrainCommand implements Callable<Integer> {
  /** The names of the noise strategies. */
  enum Noise {
    AHEAD,
    SEGMENTS,
    PROGRESSIVE,
    OWN,
    NONE
  }

  private static final int DEFAULT_RANK = 16;
  private static final long PLOT_NANOS = TimeUnit.MINUTES.toNanos(1);

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description = "A .gguf file, a Hugging Face folder, or the name of a pulled model.")
  private String model;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      converter = FileConverter.class,
      arity = "1..*",
      description = "Conversations to learn: files of JSON lines.")
  private List<Path> data;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Folder for checkpoints, log.jsonl and a plot of it, run.svg.")
  private Path out;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      converter = FileConverter.class,
      description =
          "A JSON object with any of these options, without their dashes: {\"rate\": 1e-4,"
              + " \"data\": [\"a.jsonl\"]}. Options on the command line win.")
  private Path config;

  @Option(
      names = "--noise",
      paramLabel = "NOISE",
      description =
          "own (drafts of the model's own, on branches beside clean text), segments (random tokens"
              + " in the text, many times), progressive (that grow), ahead (once in each sample) or"
              + " none, the control, for which the next two mean nothing (default: own).")
  private Noise noise = Noise.OWN;

  @Option(
      names = "--segment",
      paramLabel = "TOKENS",
      description = "Tokens of a segment of noise (default: 3 with own, else 5).")
  private Integer segment;

  @Option(
      names = "--share",
      paramLabel = "SHARE",
      description =
          "Tokens of noise for each of the answers', but with ahead: with own at most as many as a"
              + " segment has (default: 2; 1 with --segment 1), else at most 0.5 (default: 0.3).")
  private Double share;

  @Option(
      names = "--noise-weight",
      paramLabel = "X",
      description =
          "With own: what a label after noise counts in the loss, where one on clean text counts 1"
              + " (default: 0.1).")
  private double noiseWeight = 0.1;

  @Option(
      names = "--rank",
      paramLabel = "N",
      description = "Rank of the adapters that are trained (default: 16).")
  private Integer rank;

  @Option(
      names = "--alpha",
      paramLabel = "X",
      description = "Weight of the adapters, times the rank (default: twice the rank).")
  private Double alpha;

  @Option(
      names = "--from",
      paramLabel = "ADAPTER",
      description =
          "Go on from the adapter of an earlier run, or from smollm2-msn, which comes with"
              + " Jangle: of the same rank and alpha, with a new schedule.")
  private Path from;

  @Option(names = "--full", description = "Train all weights, without adapters.")
  private boolean full;

  @Option(
      names = "--rate",
      paramLabel = "RATE",
      description = "The highest learning rate (default: 1e-3; 5e-5 with --full).")
  private Double rate;

  @Option(
      names = "--warm-up",
      paramLabel = "SHARE",
      description = "Share of the steps in which the rate rises (default: 0.05).")
  private double warmUp = 0.05;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Go through the data N times (default: 1).")
  private int epochs = 1;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Steps, whatever the epochs (default: 0, as many as the epochs take).")
  private int steps;

  @Option(
      names = "--length",
      paramLabel = "TOKENS",
      description = "Tokens of a row; short samples share one (default: 512).")
  private int length = 512;

  @Option(names = "--rows", paramLabel = "N", description = "Rows of a step (default: 8).")
  private int rows = 8;

  @Option(
      names = "--too-long",
      paramLabel = "truncate|drop",
      description = "What becomes of samples longer than a row (default: truncate).")
  private SampleEncoder.TooLong tooLong = SampleEncoder.TooLong.TRUNCATE;

  @Option(names = "--learn-prompts", description = "Let prompts count in the loss, too.")
  private boolean learnPrompts;

  @Option(
      names = "--most-bad",
      paramLabel = "SHARE",
      description = "Share of bad lines that is let pass, without them (default: 0.01).")
  private double mostBad = 0.01;

  @Option(
      names = "--decay",
      paramLabel = "X",
      description = "Weight decay of matrices (default: 0).")
  private double decay;

  @Option(
      names = "--clip",
      paramLabel = "NORM",
      description = "Largest norm of the gradients (default: 1).")
  private double clip = 1;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the order and the noise (default: 0).")
  private long seed;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      description = "Steps between two checkpoints (default: 50).")
  private int checkpointEvery = 50;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "Checkpoints that are kept (default: 2).")
  private int keep = 2;

  @Option(
      names = "--recompute",
      description = "Compute activations twice, for less memory and the same numbers.")
  private boolean recompute;

  @Option(
      names = "--backend",
      paramLabel = "auto|cpu|cuda",
      description = "Where to compute (default: auto, the GPU where there is one).")
  private BackendKind backend = BackendKind.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads on the CPU (default: 0, one per processor).")
  private int threads;

  @Option(
      names = "--probe",
      paramLabel = "FILE",
      converter = FileConverter.class,
      description =
          "Questions, as of jangle bench, to answer with Jacobi drafts at each checkpoint: their"
              + " tokens per pass show what training has come to.")
  private Path probeFile;

  @Option(
      names = "--example",
      description =
          "Train smollm2 on an example that comes with Jangle, in a minute or two: counting rhymes."
              + " Its probe asks for others. Further options win.")
  private boolean example;

  @Spec private CommandSpec spec;

  private final Terminal terminal;
  private long plotted = System.nanoTime();
  private boolean plotFailed;
  private Probe probe;

  TrainCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (config != null && example) {
      throw new ParameterException(
          spec.commandLine(), "--example has a configuration of its own; leave out --config");
    }
    if (config != null) {
      TrainConfig.apply(config, spec);
    }
    if (example) {
      requireGiven(out, "--out");
      TrainConfig.apply("the example", TrainingExample.write(out), spec);
      pullExampleModel();
    }
    requireGiven(model, "--model");
    requireGiven(data, "--data");
    requireGiven(out, "--out");
    TrainingOptions options = options();
    Path path = new ModelStore(terminal).resolve(model);
    if (probeFile != null) {
      probe = new Probe(QuestionFile.read(probeFile), path, !full, backend, threads);
    }
    terminal.note("reading the data and loading " + model);
    try (Trainer trainer = Trainer.open(path, data, out, options);
        Interrupts.Scope ignored = Interrupts.first(trainer::stop)) {
      describe(trainer);
      boolean finished;
      try (Progress progress = new Progress(terminal, "training", Progress.Unit.ITEMS)) {
        finished = trainer.run(event -> show(event, trainer, progress));
      }
      plot(trainer);
      if (!finished) {
        terminal.note(
            "stopped after step %d of %d; the same command goes on from there"
                .formatted(trainer.stepsDone(), trainer.steps()));
        return Interrupts.EXIT_CODE;
      }
      terminal.note(
          "done: " + trainer.result() + (full ? "" : ", for --adapter of the other commands"));
    }
    return ErrorReport.OK;
  }

  private void pullExampleModel() throws IOException, InterruptedException {
    ModelStore store = new ModelStore(terminal);
    if (model.equals(TrainingExample.MODEL) && !store.pulled().contains(model)) {
      new ModelPuller(terminal, store).pull(model);
    }
  }

  private void requireGiven(Object value, String option) {
    if (value == null) {
      throw new ParameterException(
          spec.commandLine(), option + " is missing; give it here or in a --config FILE");
    }
  }

  private void describe(Trainer trainer) {
    if (backend == BackendKind.AUTO && !trainer.backend().fallback().isEmpty()) {
      terminal.note("using the CPU: " + trainer.backend().fallback());
    }
    trainer.badLines().forEach(line -> terminal.note("left out: " + line));
    terminal.note(
        "%s samples (%s cut, %s left out for their length), %s steps"
            .formatted(
                Amounts.count(trainer.samples()),
                Amounts.count(trainer.truncated()),
                Amounts.count(trainer.dropped()),
                Amounts.count(trainer.steps())));
    if (trainer.resumedAt() > 0) {
      terminal.note("going on after step " + trainer.resumedAt());
    }
  }

  private void show(TrainingEvent event, Trainer trainer, Progress progress) {
    switch (event) {
      case TrainingEvent.Step step ->
          progress.update(
              step.step(),
              step.steps(),
              "loss %s, %s tokens/s, %s left"
                  .formatted(
                      Amounts.decimal(step.loss(), 3),
                      Amounts.decimal(step.tokensPerSecond(), 0),
                      Amounts.duration(step.secondsLeft())));
      case TrainingEvent.Saved saved -> {
        if (saved.step() > 0 && System.nanoTime() - plotted > PLOT_NANOS) {
          plot(trainer);
        }
        if (probe != null) {
          ask(saved.step(), trainer, progress);
        }
      }
    }
  }

  private void ask(int step, Trainer trainer, Progress progress) {
    double tokens;
    try {
      tokens = probe.tokensPerPass(trainer, out);
    } catch (IOException e) {
      throw new Failure(
          "cannot probe the model after step %d: %s".formatted(step, e.getMessage()), e);
    }
    progress.close();
    terminal.note(
        "after %d steps: %s tokens per pass with Jacobi drafts"
            .formatted(step, Amounts.decimal(tokens, 2)));
  }

  /** A run does not end because no font is installed: that is said once. */
  private void plot(Trainer trainer) {
    if (plotFailed) {
      return;
    }
    try {
      TrainingChart.write(trainer.log(), out.resolve("run.svg"));
      plotted = System.nanoTime();
    } catch (IOException e) {
      plotFailed = true;
      terminal.note("no plot: " + e.getMessage());
    }
  }

  private TrainingOptions options() {
    if (full && (rank != null || alpha != null || from != null)) {
      throw new ParameterException(
          spec.commandLine(), "--full trains no adapters; leave out --rank, --alpha and --from");
    }
    try {
      TrainingOptions options = full ? TrainingOptions.full() : adapters();
      return (rate == null ? options : options.withRate(rate))
          .withNoise(strategy())
          .withWarmUp(warmUp)
          .withEpochs(epochs)
          .withSteps(steps)
          .withLength(length)
          .withRows(rows)
          .withTooLong(tooLong)
          .withLearnPrompts(learnPrompts)
          .withMostBad(mostBad)
          .withDecay(decay)
          .withClip(clip)
          .withSeed(seed)
          .withCheckpointEvery(checkpointEvery)
          .withKeep(keep)
          .withRecompute(recompute)
          .withBackend(backend)
          .withThreads(threads);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private TrainingOptions adapters() {
    int given = rank == null ? DEFAULT_RANK : rank;
    TrainingOptions options =
        TrainingOptions.defaults()
            .withLora(new LoraOptions(given, alpha == null ? 2.0 * given : alpha));
    return from == null ? options : options.withStart(new AdapterStore(terminal).resolve(from));
  }

  private NoiseStrategy strategy() {
    int length = segment != null ? segment : noise == Noise.OWN ? 3 : 5;
    double part = share != null ? share : noise == Noise.OWN ? Math.min(2, length) : 0.3;
    return switch (noise) {
      case AHEAD -> new NoiseStrategy.Ahead(length);
      case SEGMENTS -> new NoiseStrategy.Segments(length, part);
      case PROGRESSIVE -> new NoiseStrategy.Progressive(length, part);
      case OWN -> new NoiseStrategy.OwnDrafts(length, part, noiseWeight);
      case NONE -> new NoiseStrategy.None();
    };
  }
}
