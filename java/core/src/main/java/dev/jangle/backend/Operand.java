package dev.jangle.backend;

/**
 * What a call works on: memory, or a batch. A recorded call works on it at each launch. Not an
 * interface, whose method would be everybody's.
 */
abstract class Operand {
  /** Refuses it where it is closed, or not for these kernels. */
  abstract void requireUsable(Kernels kernels);
}
