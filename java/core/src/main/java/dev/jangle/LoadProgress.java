package dev.jangle;

/** Told how far the loading of a model is. Called on the loading thread. */
@FunctionalInterface
public interface LoadProgress {
  /** Bytes of weights read so far, of all. */
  void update(long doneBytes, long totalBytes);
}
