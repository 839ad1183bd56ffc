package dev.jangle.cli.term;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Where a command reads and writes: standard input, output and error, always UTF-8, and what the
 * other end of each is. Colours follow {@code NO_COLOR} and {@code TERM=dumb}.
 */
public final class Terminal {
  private final Map<String, String> environment;
  private final InputStream in;
  private final OutputStream out;
  private final PrintStream err;
  private final boolean inTerminal;
  private final boolean outTerminal;
  private final boolean errTerminal;
  private TerminalSize size;

  public Terminal(
      Map<String, String> environment,
      InputStream in,
      OutputStream out,
      PrintStream err,
      boolean inTerminal,
      boolean outTerminal,
      boolean errTerminal) {
    this.environment = Map.copyOf(environment);
    this.in = in;
    this.out = out;
    this.err = err;
    this.inTerminal = inTerminal;
    this.outTerminal = outTerminal;
    this.errTerminal = errTerminal;
  }

  /** This process's own streams. */
  public static Terminal system() {
    return new Terminal(
        System.getenv(),
        System.in,
        new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)),
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
        isTerminal(0),
        isTerminal(1),
        isTerminal(2));
  }

  /** Java knows only whether input and output both are terminals; Linux names each stream. */
  private static boolean isTerminal(int descriptor) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (IOException e) {
      return false;
    }
  }

  /** An environment variable; null where it is not set or empty. */
  public String variable(String name) {
    String value = environment.get(name);
    return value == null || value.isEmpty() ? null : value;
  }

  public Map<String, String> environment() {
    return environment;
  }

  public InputStream in() {
    return in;
  }

  public PrintStream err() {
    return err;
  }

  public boolean inTerminal() {
    return inTerminal;
  }

  public boolean outTerminal() {
    return outTerminal;
  }

  public boolean errTerminal() {
    return errTerminal;
  }

  /** Whether standard output takes colours. */
  public boolean outColors() {
    return outTerminal && colors();
  }

  /** Whether standard error takes colours. */
  public boolean errColors() {
    return errTerminal && colors();
  }

  private boolean colors() {
    return variable("NO_COLOR") == null && !"dumb".equals(variable("TERM"));
  }

  /** Whether the cursor of standard output can be moved. */
  public boolean cursorMoves() {
    return outTerminal && !"dumb".equals(variable("TERM"));
  }

  public TerminalSize size() {
    if (size == null) {
      size = outTerminal || errTerminal ? TerminalSize.measure() : TerminalSize.DEFAULT;
    }
    return size;
  }

  /**
   * Writes to standard output at once.
   *
   * @throws BrokenPipe where nobody reads it any more
   * @throws Failure where it cannot be written
   */
  public void print(String text) {
    try {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      if (String.valueOf(e.getMessage()).contains("Broken pipe")) {
        throw new BrokenPipe(e);
      }
      throw new Failure("cannot write the output: " + e.getMessage(), e);
    }
  }

  /** As {@link #print}, and a line feed. */
  public void printLine(String line) {
    print(line + "\n");
  }

  /** A line on standard error. */
  public void note(String line) {
    err.print(line + "\n");
    err.flush();
  }
}
