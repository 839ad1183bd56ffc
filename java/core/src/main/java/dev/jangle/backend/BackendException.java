package dev.jangle.backend;

/**
 * A backend that was asked for cannot be used, or not any more; the message says why and what to
 * do.
 */
public final class BackendException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  static final int UNAVAILABLE = 4; // JG_UNAVAILABLE
  static final int DEVICE_LOST = 5; // JG_DEVICE_LOST

  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
