package dev.jangle.backend;

/** A backend that was asked for cannot be used; the message says why and what to do. */
public final class BackendException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
