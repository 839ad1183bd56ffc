package dev.jangle.cli.term;

/** Something went wrong that the user can understand: exit code 1 and this message, one line. */
public final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public Failure(String message) {
    super(message);
  }

  public Failure(String message, Throwable cause) {
    super(message, cause);
  }
}
