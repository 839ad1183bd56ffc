package dev.jangle.cli.kernels;

/**
 * An operation on a shape, ready to be called for any number of rows up to 128. Equal buffers take
 * turns, so that what a call reads was pushed out of the cache since its last turn. The buffers
 * belong to the {@link DeviceMemory} it was made with.
 */
interface Work {
  /** Buffers that take turns. */
  int turns(int rows);

  /** One call, on the buffers of one turn. */
  void call(int rows, int turn);

  /** The least that a call has to read and write, in bytes of device memory. */
  long bytes(int rows);

  /** Multiplications and additions of a call; 0 where memory alone is the limit. */
  default double flops(int rows) {
    return 0;
  }

  /** Whether calls can be recorded in a graph. */
  default boolean recordable() {
    return true;
  }
}
