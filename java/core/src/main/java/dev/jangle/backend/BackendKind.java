package dev.jangle.backend;

/** Where the arithmetic runs. */
public enum BackendKind {
  /** CUDA where it works, else the CPU. */
  AUTO,
  /** The processor, with the best instruction-set tier that it has. */
  CPU,
  /** An NVIDIA GPU. */
  CUDA
}
