package dev.jangle;

/** Told how far the loading of a model is. Called on the loading thread. */
@FunctionalInterface
public interface LoadProgress {
  /**
   * Called after each tensor.
   *
   * @param doneBytes bytes of weights read so far
   * @param totalBytes bytes of all weights
   */
  void update(long doneBytes, long totalBytes);
}
