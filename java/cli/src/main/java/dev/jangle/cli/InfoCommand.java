package dev.jangle.cli;

import dev.jangle.backend.BackendKind;
import dev.jangle.backend.BackendStatus;
import dev.jangle.backend.Backends;
import dev.jangle.cli.pull.AdapterStore;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle info}: what this machine can run on, and what a model is. */
@Command(
    name = "info",
    mixinStandardHelpOptions = true,
    description = {
      "Shows the backends of this machine, and why one is missing; with -m also a model's shape,",
      "formats and memory, and whether an adapter fits it. The model is not loaded.",
      ""
    },
    footer = {"", "Examples:", "  jangle info", "  jangle info -m smollm2"})
final class InfoCommand implements Callable<Integer> {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description = "A .gguf file, a Hugging Face folder, or the name of a pulled model.")
  private String model;

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description = "A LoRA adapter in PEFT's layout for it.")
  private Path adapter;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  InfoCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    if (adapter != null && model == null) {
      throw new ParameterException(spec.commandLine(), "--adapter needs the model that it is for");
    }
    ModelStore store = new ModelStore(terminal);
    Path path = model == null ? null : store.resolve(model);
    StringBuilder text = new StringBuilder();
    for (BackendStatus backend : Backends.probe()) {
      text.append(line(ResultJson.lower(backend.kind()), describe(backend)));
    }
    if (path == null) {
      List<String> pulled = store.pulled();
      text.append(line("java", Runtime.version().toString()));
      text.append(line("pulled", pulled.isEmpty() ? "nothing" : String.join(", ", pulled)));
    } else {
      Path folder = adapter == null ? null : new AdapterStore(terminal).resolve(adapter);
      text.append('\n').append(ModelDescription.of(path, folder));
    }
    terminal.print(text.toString());
    return ErrorReport.OK;
  }

  static String describe(BackendStatus backend) {
    if (!backend.available()) {
      return "not available: " + backend.reason();
    }
    String device = backend.deviceName() + ", " + backend.tier();
    return backend.kind() == BackendKind.CPU
        ? device + ", " + Runtime.getRuntime().availableProcessors() + " processors"
        : device;
  }

  static String line(String name, String value) {
    return String.format("%-11s %s%n", name, value);
  }
}
