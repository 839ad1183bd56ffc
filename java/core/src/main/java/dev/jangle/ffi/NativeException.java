package dev.jangle.ffi;

/** A call into a native library failed; the message is the library's own. */
public final class NativeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;

  public NativeException(int status, String message) {
    super(message);
    this.status = status;
  }

  /** The {@code JG_*} status. */
  public int status() {
    return status;
  }
}
