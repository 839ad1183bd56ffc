package dev.jangle.format;

import java.nio.file.Path;

/**
 * A model file is damaged, or uses something that Jangle does not support. The message names the
 * file, the tensor or key, what was expected and found, and what to do.
 */
public final class FormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A problem of {@code file}; the message becomes {@code "file: problem"}. */
  public FormatException(Path file, String problem) {
    super(file + ": " + problem);
  }

  /** A problem of {@code file} that another exception reported. */
  public FormatException(Path file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }
}
