package dev.jangle.train;

/**
 * Which inputs of a sample are replaced by noise. Labels never change, so that the model learns to
 * go on rightly after wrong tokens: what Jacobi decoding asks of it. Only inputs that the assistant
 * wrote are replaced, each by a token drawn uniformly from those before it in the sample, prompt
 * and replaced tokens included ("ahead noise" of Make Some Noise, arXiv 2406.17404, section 3.1).
 *
 * <p>A segment is a run of replaced inputs. What is drawn depends on the generator alone, which is
 * keyed by seed, epoch and sample. Immutable and thread-safe.
 */
public sealed interface NoiseStrategy {
  /** The most that {@code share} may be: more would leave less clean text than noise. */
  double MOST = 0.5;

  /** No noise: ordinary fine-tuning, the control of every comparison. */
  record None() implements NoiseStrategy {}

  /**
   * The paper's: one segment for each sample, at a random place.
   *
   * @param length inputs of the segment; fewer where the answer is shorter
   */
  record Ahead(int length) implements NoiseStrategy {
    /**
     * Checks the length.
     *
     * @throws IllegalArgumentException where it is less than 1
     */
    public Ahead {
      requireLength(length);
    }
  }

  /**
   * Several segments for each sample, evenly spread with random gaps: more to denoise for the same
   * work.
   *
   * @param length inputs of a segment; fewer where a run of the assistant's tokens is shorter
   * @param share of the assistant's inputs that become noise, at most 0.5; as near as whole
   *     segments come, at least one
   */
  record Segments(int length, double share) implements NoiseStrategy {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException where one is out of range
     */
    public Segments {
      requireLength(length);
      requireShare(share);
    }
  }

  /**
   * As {@link Segments}, with lengths that grow evenly from 1 at the run's first step to {@code
   * length} at its last.
   */
  record Progressive(int length, double share) implements NoiseStrategy {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException where one is out of range
     */
    public Progressive {
      requireLength(length);
      requireShare(share);
    }
  }

  /**
   * As {@link Segments}, and each step learns its rows once more with the model's own drafts, which
   * the pass with noise has made: the inputs that the next Jacobi iteration of decoding would have.
   * Decoding meets such drafts, plausible and often wrong, far more often than random tokens.
   */
  record OwnDrafts(int length, double share) implements NoiseStrategy {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException where one is out of range
     */
    public OwnDrafts {
      requireLength(length);
      requireShare(share);
    }
  }

  private static void requireLength(int length) {
    if (length < 1) {
      throw new IllegalArgumentException(
          "a noise segment has " + length + " tokens; expected at least 1");
    }
  }

  private static void requireShare(double share) {
    if (!(share > 0 && share <= MOST)) {
      throw new IllegalArgumentException(
          "the share of noise is " + share + "; expected more than 0, at most " + MOST);
    }
  }
}
