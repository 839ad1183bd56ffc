package dev.jangle;

/** Who guessed a token before the model confirmed it. */
public enum DraftKind {
  /** Nobody: the token came from the model's own choice after the last accepted one. */
  NONE,
  /** The Jacobi iteration: what the model wrote at a noise or rejected position one step before. */
  JACOBI,
  /** Retrieval: what followed the same words earlier in the prompt or the output. */
  RETRIEVAL,
  /** Recycling: what the model ranked high after the same token before. */
  RECYCLING
}
