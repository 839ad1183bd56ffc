package dev.jangle.cache;

/** The context has no room for what was asked; the session is as it was before the call. */
public final class ContextFullException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ContextFullException(String message) {
    super(message);
  }
}
