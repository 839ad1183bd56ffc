package dev.jangle.format;

import java.nio.file.Path;
import java.util.Locale;

/**
 * A model file is damaged, or uses something that Jangle does not support. The message names the
 * file, the tensor or key, what was expected and found, and what to do.
 */
public final class FormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int MAX_LENGTH = 1000;

  /** A problem of {@code file}; the message becomes {@code "file: problem"}. */
  public FormatException(Path file, String problem) {
    super(file + ": " + printable(problem));
  }

  /** A problem of {@code file} that another exception reported. */
  public FormatException(Path file, String problem, Throwable cause) {
    super(file + ": " + printable(problem), cause);
  }

  /** Names come from files that are not trusted: no control characters, and no endless lines. */
  private static String printable(String problem) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(problem.length(), MAX_LENGTH); i++) {
      char c = problem.charAt(i);
      if (Character.isISOControl(c)) {
        text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      } else {
        text.append(c);
      }
    }
    return problem.length() > MAX_LENGTH ? text + "..." : text.toString();
  }
}
