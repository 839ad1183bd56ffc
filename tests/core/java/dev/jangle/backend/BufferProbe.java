package dev.jangle.backend;

/** Tells whether device memory was given back. */
public final class BufferProbe {
  private BufferProbe() {}

  /** Whether a {@link DeviceBuffer} or a {@link PackedWeight} is closed. */
  public static boolean isClosed(AutoCloseable resource) {
    try {
      switch (resource) {
        case DeviceBuffer buffer -> buffer.address();
        case PackedWeight weight -> weight.buffer.address();
        default -> throw new IllegalArgumentException("no device memory: " + resource);
      }
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }
}
