package dev.jangle.cli;

import dev.jangle.cli.pull.ModelPuller;
import dev.jangle.cli.pull.ModelStore;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code jangle pull}: brings a model to this machine. */
@Command(
    name = "pull",
    mixinStandardHelpOptions = true,
    description = {
      "Puts a model into the cache folder, checks its hash, and prints its licence and its path.",
      "An interrupted pull goes on where it stopped. Without NAME: lists what is there.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  jangle pull smollm2                            98 MB, SmolLM2-135M-Instruct, Apache-2.0",
      "  jangle pull hf:HuggingFaceTB/SmolLM2-360M-Instruct",
      "  jangle pull hf:ORG/NAME@REVISION",
      "",
      "hf: models come from the Hugging Face hub, or from HF_ENDPOINT; HF_TOKEN opens gated ones.",
      "The proxy is the one that https_proxy and no_proxy name."
    })
final class PullCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "NAME",
      description = "smollm2, or hf:ORG/NAME for a model on the Hugging Face hub.")
  private String name;

  private final Terminal terminal;

  PullCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    ModelStore store = new ModelStore(terminal);
    if (name == null) {
      List<String> pulled = store.pulled();
      terminal.note("here: " + (pulled.isEmpty() ? "nothing yet" : ""));
      for (String model : pulled) {
        terminal.printLine(model);
      }
      terminal.note("jangle pull knows: " + String.join(", ", ModelStore.known()));
      return ErrorReport.OK;
    }
    Path path = new ModelPuller(terminal, store).pull(name);
    terminal.printLine(path.toString());
    return ErrorReport.OK;
  }
}
