package dev.jangle.cli;

import dev.jangle.cli.term.Interrupts;
import dev.jangle.cli.term.Terminal;
import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** {@code jangle}: see {@link JangleCommand} for what it says of itself. */
public final class Main {
  private static final int MIN_WIDTH = 80;
  private static final int MAX_WIDTH = 100;

  private Main() {}

  public static void main(String[] arguments) {
    Terminal terminal = Terminal.system();
    Interrupts.install(terminal);
    System.exit(run(terminal, arguments));
  }

  /** Runs one command; returns the exit code. */
  static int run(Terminal terminal, String... arguments) {
    CommandLine line = new CommandLine(new JangleCommand());
    line.addSubcommand(new DemoCommand(terminal));
    line.addSubcommand(new GenerateCommand(terminal));
    line.addSubcommand(new ChatCommand(terminal));
    line.addSubcommand(new PullCommand(terminal));
    line.addSubcommand(new InfoCommand(terminal));
    line.addSubcommand(new TrainCommand(terminal));
    line.addSubcommand(new ExportCommand(terminal));
    line.addSubcommand(new DistillCommand(terminal));
    line.addSubcommand(new EvalCommand(terminal));
    line.addSubcommand(new BenchCommand(terminal));
    line.addSubcommand(new BenchKernelsCommand(terminal));
    ErrorReport errors = new ErrorReport(terminal);
    line.setExecutionExceptionHandler(errors);
    line.setParameterExceptionHandler(errors);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setUsageHelpWidth(Math.clamp(terminal.size().columns(), MIN_WIDTH, MAX_WIDTH));
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(terminal.outColors() ? Ansi.ON : Ansi.OFF));
    StringWriter help = new StringWriter();
    line.setOut(new PrintWriter(help, true));
    int code = line.execute(arguments);
    if (help.getBuffer().isEmpty()) {
      return code;
    }
    try {
      terminal.print(help.toString());
      return code;
    } catch (RuntimeException e) {
      return errors.report(e, false);
    }
  }
}
