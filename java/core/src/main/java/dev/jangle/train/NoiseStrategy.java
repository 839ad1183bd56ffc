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
  /** The most that {@code share} of replaced inputs may be: more would leave less clean text. */
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
      requireShare(share, MOST);
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
      requireShare(share, MOST);
    }
  }

  /**
   * What decoding meets: a clean beginning, and drafts behind it. All inputs stay clean; the noise
   * stands on branches, each a segment that goes on from one of them, attends what is before it and
   * itself, and is attended by nothing else. So clean inputs are read as without noise; what it
   * costs them comes through the weights alone. And each step learns its rows once more with the
   * model's own drafts, which the pass with noise has made, as the next Jacobi iteration would have
   * them: plausible and often wrong, unlike random tokens.
   *
   * @param length inputs of a branch; fewer at the end of an answer
   * @param share inputs on branches for each input that the assistant wrote; at most {@code
   *     length}, a branch at each; as near as whole branches come from below
   * @param weight of a label on a branch in the loss, where one on clean inputs has 1: what drafts
   *     may cost the text
   */
  record OwnDrafts(int length, double share, double weight) implements NoiseStrategy {
    /**
     * Checks all.
     *
     * @throws IllegalArgumentException where one is out of range
     */
    public OwnDrafts {
      requireLength(length);
      requireShare(share, length);
      if (!(weight > 0 && Double.isFinite(weight))) {
        throw new IllegalArgumentException(
            "the weight of noise is " + weight + "; expected more than 0");
      }
    }
  }

  private static void requireLength(int length) {
    if (length < 1) {
      throw new IllegalArgumentException(
          "a noise segment has " + length + " tokens; expected at least 1");
    }
  }

  private static void requireShare(double share, double most) {
    if (!(share > 0 && share <= most)) {
      throw new IllegalArgumentException(
          "the share of noise is " + share + "; expected more than 0, at most " + most);
    }
  }
}
