package dev.jangle.cli.term;

import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Terminals that are pipes: nothing comes in, and what goes out of stdout is not looked at. */
public final class Pipes {
  private Pipes() {}

  public static Terminal of(Map<String, String> environment) {
    return of(environment, OutputStream.nullOutputStream());
  }

  /** The same, with its notes. */
  public static Terminal of(Map<String, String> environment, OutputStream notes) {
    return new Terminal(
        environment,
        new ByteArrayInputStream(new byte[0]),
        OutputStream.nullOutputStream(),
        new PrintStream(notes, true, StandardCharsets.UTF_8),
        false,
        false,
        false);
  }
}
