package dev.jangle.decode;

/** Where {@link AcceptanceModel} starts: log odds by feature; index 0 is "not proposed". */
final class AcceptancePrior {
  /**
   * By match length 1, 2, 3, 4, 5-6, 7-9, 10-15, 16 or more; each for the first match, then later.
   */
  static final float[] RETRIEVAL = {
    0f, 0.4f, 0f, 1.2f, 0.4f, 1.9f, 0.8f, 2.4f, 1.0f, 2.9f, 1.1f, 3.3f, 1.2f, 3.8f, 1.3f, 4.2f, 1.4f
  };

  /** The first successor by its lead, 0-1, 1-2, 2-4, more; then ranks 2 to 8. */
  static final float[] RECYCLING = {
    0f, 1.2f, 1.7f, 2.1f, 2.7f, 0.6f, 0.2f, -0.1f, -0.3f, -0.5f, -0.6f, -0.8f
  };

  /** By rank. Low: an untrained model denoises badly. */
  static final float[] JACOBI = {0f, 0.6f, 0.3f, 0.1f, 0f, -0.1f, -0.2f, -0.3f, -0.4f};

  /** By depth 1 to 5, and deeper. */
  static final float[] DEPTH = {-3.1f, -3.1f, -3.1f, -3.1f, -3.1f, -3.1f};

  private AcceptancePrior() {}
}
