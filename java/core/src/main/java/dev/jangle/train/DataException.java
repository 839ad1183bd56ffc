package dev.jangle.train;

/** A data set that cannot be used; the message says where it is wrong and what to do. */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DataException(String message) {
    super(message);
  }
}
