package dev.jangle.decode;

/**
 * Where {@link AcceptanceModel} starts: log odds by feature; index 0 is "not proposed". Rounded
 * from what it learned on greedy answers of SmolLM2-135M to 20 prompts (tests/fixtures/smollm2),
 * 2026-11-23.
 */
final class AcceptancePrior {
  /**
   * By match length 1, 2, 3, 4, 5-6, 7-9, 10-15, 16 or more; each for the first match, then later.
   */
  static final float[] RETRIEVAL = {
    -0.8f, 0.2f, -0.4f, 1.2f, 0.1f, 1.9f, 0.6f, 2.5f, 0.9f, 2.9f, 0.9f, 3.1f, 1.0f, 3.8f, 1.3f,
    4.8f, 1.9f
  };

  /** The first successor by its lead, 0-1, 1-2, 2-4, more; then ranks 2 to 8. */
  static final float[] RECYCLING = {
    0.1f, 1.2f, 1.65f, 2.1f, 2.6f, 0.85f, 0.2f, -0.2f, -0.4f, -0.55f, -0.7f, -0.9f
  };

  /** By rank. Low: an untrained model denoises badly. */
  static final float[] JACOBI = {0f, 1.0f, 0.3f, 0.1f, -0.1f, -0.3f, -0.4f, -0.4f, -0.4f};

  /** By depth 1 to 5, and deeper. */
  static final float[] DEPTH = {-2.8f, -3.1f, -3.15f, -3.1f, -3.1f, -3.2f};

  private AcceptancePrior() {}
}
