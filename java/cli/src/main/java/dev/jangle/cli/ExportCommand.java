package dev.jangle.cli;

import dev.jangle.cli.pull.AdapterStore;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.export.Export;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code jangle export}: a model for other programs. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Writes a model, with an adapter's change where one is given, as a folder that transformers",
      "loads, or as a file that llama.cpp loads. It appears under its name when it is whole.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Examples:",
      "  jangle export -m smollm2 --to hf --format bf16 smollm2-hf",
      "  jangle export -m smollm2 --adapter msn/adapter --to gguf --format q8_0 smollm2-msn.gguf"
    })
final class ExportCommand implements Callable<Integer> {
  /** Whose format. */
  enum Target {
    HF,
    GGUF;

    List<DType> formats() {
      return this == HF ? Export.HUGGING_FACE : Export.GGUF;
    }
  }

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
      names = "--to",
      paramLabel = "hf|gguf",
      required = true,
      description = "A Hugging Face folder, or a GGUF file.")
  private Target target;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      required = true,
      description = "Of the weights: f32 or bf16; for gguf also q8_0 or q4_0.")
  private DType format;

  @Parameters(paramLabel = "OUT", description = "The folder or file to write; must not exist.")
  private Path out;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  ExportCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    if (!target.formats().contains(format)) {
      throw new ParameterException(
          spec.commandLine(),
          "--to "
              + ResultJson.lower(target)
              + " has no --format "
              + ResultJson.lower(format)
              + "; supported: "
              + target.formats().stream().map(ResultJson::lower).toList());
    }
    Path path = new ModelStore(terminal).resolve(name);
    try (Checkpoint model = Checkpoint.open(path);
        Progress progress = new Progress(terminal, "writing " + out, Progress.Unit.BYTES)) {
      LoraAdapter lora =
          adapter == null
              ? null
              : LoraAdapter.open(new AdapterStore(terminal).resolve(adapter), model);
      switch (target) {
        case HF -> Export.huggingFace(model, lora, format, out, progress::update);
        case GGUF -> Export.gguf(model, lora, format, out, progress::update);
      }
    }
    terminal.printLine(out.toString());
    return ErrorReport.OK;
  }
}
