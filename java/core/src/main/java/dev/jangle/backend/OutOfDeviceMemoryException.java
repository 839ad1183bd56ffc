package dev.jangle.backend;

/** The device has not the memory that was asked for; nothing was taken. */
public final class OutOfDeviceMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  static final int STATUS = 2; // JG_OUT_OF_MEMORY

  public OutOfDeviceMemoryException(String message) {
    super(message);
  }
}
