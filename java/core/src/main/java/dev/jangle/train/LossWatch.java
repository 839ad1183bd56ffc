package dev.jangle.train;

/**
 * Notices a loss that explodes: its running mean has left the lowest it ever was far behind. One
 * thread at a time.
 */
final class LossWatch {
  /** Weight of the newest loss: the mean looks back some ten steps. */
  private static final double NEWEST = 0.1;

  /** Beyond twice the lowest mean, and this more: small losses may double. */
  private static final double SLACK = 1;

  /**
   * What it remembers.
   *
   * @param mean running mean; NaN before the first loss
   * @param lowest mean so far; infinite before the first loss
   */
  record State(double mean, double lowest) {
    static final State NONE = new State(Double.NaN, Double.POSITIVE_INFINITY);

    private State add(double loss) {
      double next = Double.isNaN(mean) ? loss : mean + NEWEST * (loss - mean);
      return new State(next, Math.min(lowest, next));
    }

    private boolean exploded() {
      return mean > 2 * lowest + SLACK;
    }
  }

  private State state = State.NONE;

  State state() {
    return state;
  }

  /** Goes on from what another remembered. */
  void restore(State other) {
    state = other;
  }

  /**
   * Takes the next loss.
   *
   * @throws TrainingException where it explodes; what it remembers is as before
   */
  void add(int step, double loss) {
    State next = state.add(loss);
    if (next.exploded()) {
      throw new TrainingException(
          "step %d: the loss explodes: %.3f, mean of the last steps %.3f, lowest mean before %.3f;"
                  .formatted(step, loss, next.mean(), next.lowest())
              + " lower the learning rate");
    }
    state = next;
  }
}
