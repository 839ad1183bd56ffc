package dev.jangle.cli;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.cli.kernels.KernelBench;
import dev.jangle.cli.kernels.KernelChart;
import dev.jangle.cli.kernels.KernelJson;
import dev.jangle.cli.kernels.KernelReport;
import dev.jangle.cli.kernels.KernelText;
import dev.jangle.cli.kernels.ModelShape;
import dev.jangle.cli.kernels.Operation;
import dev.jangle.cli.kernels.Subject;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle bench-kernels}: each operation against what the device can do. */
@Command(
    name = "bench-kernels",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Times each operation on the shapes of real models, for 1 to 128 rows at once, by the",
      "device's own clock and with buffers that take turns, so that they come from memory. Beside",
      "each time: GB/s, TFLOP/s, and the share of the ceilings that the same run measures; on a GPU",
      "also the same product by cuBLAS. No model is needed: weights and rows are random.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Examples:",
      "  jangle bench-kernels --model smollm2-135m --op matmul --format q4_0,bf16",
      "  jangle bench-kernels --backend cuda --chart kernels.svg",
      "  jangle bench-kernels --op attention --rows 1,16 --json > attention.json",
      "",
      "All of it takes minutes; large weights are left out where memory does not hold them.",
      "--backend cudasim is for tests: it runs the CUDA kernels in their emulation, which",
      "JAVA_TOOL_OPTIONS=-Djangle.library.cuda=.../libjangle_cudasim.so names, on tiny sizes, and",
      "its times mean nothing."
    })
final class BenchKernelsCommand implements Callable<Integer> {
  private static final String LIBRARY = "jangle.library.cuda";
  private static final int MOST_ROWS = 128;
  private static final double MOST_SECONDS = 3600;

  /** Where to measure. */
  enum Place {
    AUTO,
    CPU,
    CUDA,
    CUDASIM
  }

  @Option(
      names = "--backend",
      paramLabel = "auto|cpu|cuda|cudasim",
      description = "Where to compute (default: auto, the GPU where there is one).")
  private Place place = Place.AUTO;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      split = ",",
      description =
          "Whose shapes: smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, llama-3.1-8b (default: all), or"
              + " tiny, which ends at once.")
  private List<String> models;

  @Option(
      names = "--op",
      paramLabel = "NAME",
      split = ",",
      description =
          "Operations (default: all): embed, rmsnorm, matmul, rope, kv_append, attention, swiglu,"
              + " residual, argmax, topk, sample, kv_gather.")
  private List<Operation> operations;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      split = ",",
      description =
          "Formats of weights and caches: f32, f16, bf16, q8_0, q4_0, q4_1 (default: all). What has"
              + " neither counts as f32.")
  private List<DType> formats;

  @Option(
      names = "--rows",
      paramLabel = "M",
      split = ",",
      description = "Rows at once, 1 to 128 (default: 1,2,4,8,16,32,64,128).")
  private List<Integer> rows = List.of(1, 2, 4, 8, 16, 32, 64, 128);

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "Time for one operation on one shape (default: 0.5).")
  private double seconds = 0.5;

  @Option(names = "--json", description = "Print the report as one JSON object.")
  private boolean json;

  @Option(
      names = "--chart",
      paramLabel = "FILE.svg|FILE.png",
      description = "Draw the shares of the ceilings.")
  private Path chart;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  BenchKernelsCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    requireUsable();
    try (Backend backend = open()) {
      boolean emulated = KernelBench.isEmulated(backend);
      if (place == Place.CUDASIM && !emulated) {
        throw new Failure(
            "--backend cudasim: the system property %s names no emulation but the library of %s"
                .formatted(LIBRARY, backend.deviceName()));
      }
      if (place == Place.AUTO && !backend.fallback().isEmpty()) {
        terminal.note("using the CPU: " + backend.fallback());
      }
      List<Subject> subjects = Subject.of(shapes(emulated), chosenOperations(), chosenFormats());
      KernelReport report = measure(backend, emulated, subjects);
      if (report.results().isEmpty()) {
        KernelReport.Skipped first = report.skipped().getFirst();
        throw new Failure(
            "too little memory for %s of %s: %s"
                .formatted(first.subject(), first.subject().model().name(), first.reason()));
      }
      terminal.print(json ? KernelJson.of(report) + "\n" : KernelText.of(report));
      if (chart != null) {
        KernelChart.write(report, chart);
      }
    }
    return ErrorReport.OK;
  }

  private KernelReport measure(Backend backend, boolean emulated, List<Subject> subjects) {
    String name = emulated ? "cudasim" : ResultJson.lower(backend.kind());
    int[] ascending = rows.stream().mapToInt(Integer::intValue).sorted().distinct().toArray();
    try (Progress progress = new Progress(terminal, "shapes", Progress.Unit.ITEMS)) {
      return new KernelBench(backend, name, seconds, ascending)
          .run(subjects, done -> progress.update(done, subjects.size()));
    }
  }

  private Backend open() {
    return switch (place) {
      case AUTO -> Backend.open(BackendKind.AUTO, 0, null);
      case CPU -> Backend.open(BackendKind.CPU, 0, null);
      case CUDA -> Backend.open(BackendKind.CUDA, 0, null);
      case CUDASIM -> {
        if (System.getProperty(LIBRARY) == null) {
          throw new Failure(
              "--backend cudasim is for tests: name the emulation with"
                  + " JAVA_TOOL_OPTIONS=-D%s=.../libjangle_cudasim.so".formatted(LIBRARY));
        }
        yield Backend.open(BackendKind.CUDA, 0, null);
      }
    };
  }

  private List<ModelShape> shapes(boolean emulated) {
    if (models == null) {
      return emulated ? List.of(ModelShape.TINY) : ModelShape.MODELS;
    }
    return models.stream().map(ModelShape::of).distinct().toList();
  }

  private Set<Operation> chosenOperations() {
    return operations == null ? EnumSet.allOf(Operation.class) : new LinkedHashSet<>(operations);
  }

  private Set<DType> chosenFormats() {
    return formats == null ? EnumSet.allOf(DType.class) : new LinkedHashSet<>(formats);
  }

  private void requireUsable() {
    for (int count : rows) {
      require(
          count >= 1 && count <= MOST_ROWS,
          "--rows %d: expected 1 to %d".formatted(count, MOST_ROWS));
    }
    require(
        seconds >= 0 && seconds <= MOST_SECONDS,
        "--seconds %s: expected 0 to %.0f".formatted(seconds, MOST_SECONDS));
    try {
      shapes(false);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--model: " + e.getMessage(), e);
    }
    for (Operation operation : operations == null ? List.<Operation>of() : operations) {
      require(
          chosenFormats().stream().anyMatch(operation.formats()::contains),
          "--op %s has none of the formats %s; expected %s"
              .formatted(operation, names(chosenFormats()), names(operation.formats())));
    }
    if (chart != null) {
      Path folder = chart.toAbsolutePath().getParent();
      require(
          ChartFile.canWrite(chart),
          "--chart %s: expected a name that ends in .svg or .png".formatted(chart));
      require(
          folder != null && Files.isWritable(folder) && !Files.isDirectory(chart),
          "--chart %s: it cannot be written there".formatted(chart));
    }
  }

  private static String names(Set<DType> formats) {
    return formats.stream()
        .sorted()
        .map(format -> format.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }

  private void require(boolean condition, String message) {
    if (!condition) {
      throw new ParameterException(spec.commandLine(), message);
    }
  }
}
