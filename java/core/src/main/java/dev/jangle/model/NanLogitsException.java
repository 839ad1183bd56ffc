package dev.jangle.model;

/** The model wrote logits that are not numbers; the message says why that may be and what to do. */
public final class NanLogitsException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  public NanLogitsException(String message) {
    super(message);
  }
}
