package dev.jangle.cli;

import dev.jangle.backend.BackendException;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cli.term.BrokenPipe;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.FormatException;
import dev.jangle.model.NanLogitsException;
import dev.jangle.text.TemplateException;
import dev.jangle.train.DataException;
import dev.jangle.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Turns what went wrong into one line on standard error, and an exit code. */
final class ErrorReport
    implements CommandLine.IExecutionExceptionHandler, CommandLine.IParameterExceptionHandler {
  static final int OK = 0;
  static final int FAILURE = 1;
  static final int USAGE = 2;

  private final Terminal terminal;

  ErrorReport(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    terminal.note("jangle: " + oneLine(e.getMessage()));
    terminal.note("See: " + command.getCommandSpec().qualifiedName() + " --help");
    return USAGE;
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed) {
    if (e instanceof ParameterException usage) {
      return handleParseException(usage, new String[0]);
    }
    JangleCommand root = command.getCommandSpec().root().commandLine().getCommand();
    return report(e, root.stackTrace);
  }

  int report(Exception e, boolean stackTrace) {
    if (e instanceof BrokenPipe) {
      return OK;
    }
    if (e instanceof InterruptedException) {
      return Interrupts.EXIT_CODE;
    }
    terminal.note("jangle: " + oneLine(message(e)));
    if (stackTrace || terminal.variable("JANGLE_DEBUG") != null) {
      PrintWriter writer = new PrintWriter(terminal.err(), true, StandardCharsets.UTF_8);
      e.printStackTrace(writer);
    }
    return FAILURE;
  }

  private static String message(Exception e) {
    return switch (e) {
      case Failure failure -> failure.getMessage();
      case FormatException format -> format.getMessage();
      case BackendException backend -> backend.getMessage();
      case OutOfDeviceMemoryException memory -> memory.getMessage();
      case ContextFullException context -> context.getMessage();
      case TemplateException template -> template.getMessage();
      case DataException data -> data.getMessage();
      case NanLogitsException logits -> logits.getMessage();
      case TrainingException training -> training.getMessage();
      case IllegalArgumentException argument when argument.getMessage() != null ->
          argument.getMessage();
      case NoSuchFileException file when file.getReason() == null ->
          file.getFile() + ": does not exist";
      case AccessDeniedException file -> file.getFile() + ": not allowed to read or write it";
      case FileAlreadyExistsException file when file.getReason() == null ->
          file.getFile() + ": is there already; remove it or give another name";
      case FileSystemException file when file.getReason() == null ->
          file.getFile() + ": cannot be used (" + file.getClass().getSimpleName() + ")";
      case FileSystemException file -> file.getMessage();
      case IOException io when io.getMessage() != null -> io.getMessage();
      default -> "an error in Jangle itself: " + e + " (--stacktrace shows where)";
    };
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
