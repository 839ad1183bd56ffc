package dev.jangle.jcuda;

/** JCuda, or what it stands on, cannot be used; the message says why and what to do. */
public final class JCudaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public JCudaException(String message) {
    super(message);
  }

  public JCudaException(String message, Throwable cause) {
    super(message, cause);
  }
}
