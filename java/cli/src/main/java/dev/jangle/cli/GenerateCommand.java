package dev.jangle.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.StopReason;
import dev.jangle.TokenEvent;
import dev.jangle.TokenStream;
import dev.jangle.cli.term.DraftColors;
import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code jangle generate}: one answer. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {"Answers one prompt, writing as it goes.", ""},
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Examples:",
      "  jangle generate -m smollm2 \"Name three rivers in France.\" --show-drafts --stats",
      "  jangle generate -m smollm2 --temperature 0.8 --top-p 0.95 --seed 7 \"Tell me a story.\"",
      "  cat article.txt | jangle generate -m smollm2 --system \"Summarize the text.\" -"
    })
final class GenerateCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "PROMPT",
      description = "The prompt; - reads it from standard input, as does a pipe without a prompt.")
  private String prompt;

  @Mixin private ModelMixin model;
  @Mixin private SamplingMixin sampling;

  @Option(
      names = "--show-drafts",
      description = "Mark each token by who guessed it: colours, or brackets without colours.")
  private boolean showDrafts;

  @Option(names = "--stats", description = "Then print statistics on standard error.")
  private boolean stats;

  @Option(names = "--json", description = "Print the result as one JSON object, when done.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  GenerateCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    GenerationOptions options = sampling.options();
    if (json && showDrafts) {
      throw new ParameterException(
          spec.commandLine(), "--show-drafts marks streamed text; it cannot go with --json");
    }
    String text = promptText();
    try (Model opened = model.open(terminal)) {
      GenerationResult result = answer(opened, text, options);
      if (json) {
        ObjectNode object = ResultJson.of(model.name(), opened, options, result);
        terminal.printLine(object.toString());
      }
      if (stats) {
        terminal.err().print(StatisticsText.of(result.statistics()));
      }
      return result.stopReason() == StopReason.CANCELLED ? Interrupts.EXIT_CODE : ErrorReport.OK;
    }
  }

  private GenerationResult answer(Model opened, String text, GenerationOptions options) {
    DraftColors colors = new DraftColors(terminal.outColors());
    if (showDrafts) {
      terminal.note(new DraftColors(terminal.outColors() && terminal.errColors()).legend());
    }
    try (TokenStream stream = opened.stream(text, options);
        Interrupts.Scope ignored = Interrupts.first(stream::cancel)) {
      while (stream.hasNext()) {
        TokenEvent event = stream.next();
        if (!json) {
          terminal.print(showDrafts ? colors.paint(event.text(), event.source()) : event.text());
        }
      }
      if (!json) {
        terminal.print("\n");
      }
      return stream.result();
    }
  }

  private String promptText() throws IOException {
    if (prompt == null && terminal.inTerminal()) {
      throw new ParameterException(spec.commandLine(), "a prompt is missing");
    }
    if (prompt != null && !prompt.equals("-")) {
      return prompt;
    }
    String text = new String(terminal.in().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (text.isEmpty()) {
      throw new ParameterException(spec.commandLine(), "the prompt on standard input is empty");
    }
    return text;
  }
}
