package dev.jangle.train;

/** A run that cannot go on. The message says at which step and what to do. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1;

  TrainingException(String message) {
    super(message);
  }
}
