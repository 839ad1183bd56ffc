package dev.jangle.cli;

import dev.jangle.Model;
import dev.jangle.ModelOptions;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Tier;
import dev.jangle.cli.pull.AdapterStore;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say which model runs, and where. */
final class ModelMixin {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      required = true,
      description = "A .gguf file, a Hugging Face folder, or the name of a pulled model.")
  private String name;

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description =
          "A LoRA adapter in PEFT's layout to add to the weights; smollm2-msn comes with Jangle.")
  private Path adapter;

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
      names = "--tier",
      paramLabel = "TIER",
      description =
          "A lower instruction-set tier by force: scalar, avx2, avx512 or avx512bf16"
              + " (default: the best).")
  private Tier tier;

  @Option(
      names = "--context",
      paramLabel = "TOKENS",
      description =
          "Room for prompt and answer together (default: 0, the smaller of the model's and 4096).")
  private int context;

  @Option(
      names = "--kv",
      paramLabel = "f16|f32",
      description = "Format of the KV cache (default: f16).")
  private DType kv = DType.F16;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /**
   * The same options for another model.
   *
   * @param otherName null for the same model
   * @param otherAdapter null for none
   */
  ModelMixin with(String otherName, Path otherAdapter) {
    ModelMixin other = new ModelMixin();
    other.name = otherName == null ? name : otherName;
    other.adapter = otherAdapter;
    other.backend = backend;
    other.threads = threads;
    other.tier = tier;
    other.context = context;
    other.kv = kv;
    other.spec = spec;
    return other;
  }

  /** Opens the weights alone, with the adapter's change where there is one. */
  Checkpoint openWeights(Terminal terminal) throws IOException {
    Checkpoint base = Checkpoint.open(path(terminal));
    boolean whole = false;
    try {
      Checkpoint all =
          adapter == null
              ? base
              : LoraAdapter.open(new AdapterStore(terminal).resolve(adapter), base).merge(base);
      whole = true;
      return all;
    } finally {
      if (!whole) {
        base.close();
      }
    }
  }

  /** What the user called the model, and the adapter. */
  String name() {
    return adapter == null ? name : name + " with " + adapter;
  }

  Path path(Terminal terminal) throws IOException {
    return new ModelStore(terminal).resolve(name);
  }

  /** Opens the model, showing how far its loading is. */
  Model open(Terminal terminal) throws IOException {
    ModelOptions options = options(terminal);
    try (Progress progress = new Progress(terminal, "loading " + name(), Progress.Unit.BYTES)) {
      Model model = Model.open(path(terminal), options.withProgress(progress::update));
      if (backend == BackendKind.AUTO && !model.backend().fallback().isEmpty()) {
        progress.close();
        terminal.note("using the CPU: " + model.backend().fallback());
      }
      return model;
    }
  }

  private ModelOptions options(Terminal terminal) {
    try {
      ModelOptions options =
          ModelOptions.defaults()
              .withBackend(backend)
              .withThreads(threads)
              .withContextLength(context)
              .withKvFormat(kv);
      if (tier != null) {
        options = options.withTier(tier);
      }
      return adapter == null
          ? options
          : options.withAdapter(new AdapterStore(terminal).resolve(adapter));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
