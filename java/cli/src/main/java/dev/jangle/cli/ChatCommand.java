package dev.jangle.cli;

import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.Session;
import dev.jangle.StopReason;
import dev.jangle.TokenEvent;
import dev.jangle.TokenStream;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cli.term.DraftColors;
import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Terminal;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code jangle chat}: a conversation, line by line. */
@Command(
    name = "chat",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "A conversation: one line is one message. Ctrl-C stops an answer, or ends the program",
      "between answers. The lines may come from a pipe.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "While it runs: /help, /reset (forget the conversation), /stats (of the last answer), /exit.",
      "",
      "Examples:",
      "  jangle chat -m smollm2 --system \"You answer in one sentence.\"",
      "  printf 'My name is Ada.\\nWhat is my name?\\n' | jangle chat -m smollm2"
    })
final class ChatCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;
  @Mixin private SamplingMixin sampling;

  @Option(
      names = "--show-drafts",
      description = "Mark each token by who guessed it: colours, or brackets without colours.")
  private boolean showDrafts;

  private final Terminal terminal;
  private GenerationResult last;

  ChatCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    GenerationOptions options = sampling.options();
    try (Model opened = model.open(terminal)) {
      if (opened.tokenizer().chatTemplate().isEmpty() || options.raw()) {
        terminal.note(
            "note: without a chat template each line stands alone; the model does not see the"
                + " lines before it");
      }
      if (interactive()) {
        terminal.note("One line is one message; /help lists the commands.");
      }
      if (showDrafts) {
        terminal.note(new DraftColors(terminal.outColors() && terminal.errColors()).legend());
      }
      converse(opened, options);
    }
    return ErrorReport.OK;
  }

  private boolean interactive() {
    return terminal.inTerminal() && terminal.outTerminal();
  }

  private void converse(Model opened, GenerationOptions options) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(terminal.in(), StandardCharsets.UTF_8));
    Session session = opened.openSession();
    try {
      for (String line; (line = read(lines)) != null; ) {
        switch (line.strip()) {
          case "" -> {}
          case "/exit", "/quit" -> {
            return;
          }
          case "/help" ->
              terminal.note(
                  "/reset forgets the conversation, /stats tells of the last answer, /exit ends");
          case "/reset" -> {
            session.close();
            session = opened.openSession();
            last = null;
            terminal.note("the conversation is forgotten");
          }
          case "/stats" -> printStatistics();
          default -> {
            if (line.startsWith("/")) {
              terminal.note("no such command: " + line.strip() + "; /help lists them");
            } else {
              answer(session, line, options);
            }
          }
        }
      }
    } finally {
      session.close();
    }
    if (interactive()) {
      terminal.print("\n");
    }
  }

  private String read(BufferedReader lines) throws IOException {
    if (interactive()) {
      terminal.print("> ");
    }
    return lines.readLine();
  }

  private void printStatistics() {
    terminal.err().print(last == null ? "no answer yet\n" : StatisticsText.of(last.statistics()));
  }

  private void answer(Session session, String message, GenerationOptions options) {
    DraftColors colors = new DraftColors(terminal.outColors());
    try (TokenStream stream = session.stream(message, options);
        Interrupts.Scope ignored = Interrupts.first(stream::cancel)) {
      while (stream.hasNext()) {
        TokenEvent event = stream.next();
        terminal.print(showDrafts ? colors.paint(event.text(), event.source()) : event.text());
      }
      terminal.print("\n");
      last = stream.result();
      if (last.stopReason() == StopReason.CONTEXT_FULL) {
        terminal.note("the context is full: /reset begins anew; --context makes more room");
      }
    } catch (ContextFullException e) {
      terminal.note(e.getMessage() + "; /reset forgets the conversation");
    }
  }
}
