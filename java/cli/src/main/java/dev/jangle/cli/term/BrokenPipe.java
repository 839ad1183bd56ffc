package dev.jangle.cli.term;

import java.io.IOException;

/** Nobody reads the output any more, as after {@code | head}: no error, the program just ends. */
public final class BrokenPipe extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BrokenPipe(IOException cause) {
    super(cause);
  }
}
