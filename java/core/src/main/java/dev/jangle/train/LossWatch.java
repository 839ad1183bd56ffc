package dev.jangle.train;

/**
 * Notices a loss that explodes: its running mean has left the lowest it ever was far behind. Before
 * there is such a mean, the loss of a model that knows nothing, ln(vocabulary), stands for it. One
 * thread at a time.
 */
final class LossWatch {
  /** Weight of the newest loss: the mean looks back some ten steps. */
  private static final double NEWEST = 0.1;

  /** Losses after which the mean counts: a step of few labels may have any loss. */
  private static final int ENOUGH = 10;

  /** Beyond twice the lowest mean, and this more: small losses may double. */
  private static final double SLACK = 2;

  /**
   * What it remembers.
   *
   * @param losses so far
   * @param mean running mean; 0 before the first loss
   * @param lowest mean so far
   */
  record State(int losses, double mean, double lowest) {
    private State add(double loss) {
      double next = losses == 0 ? loss : mean + NEWEST * (loss - mean);
      return new State(losses + 1, next, losses + 1 >= ENOUGH ? Math.min(lowest, next) : lowest);
    }

    private boolean exploded() {
      return mean > 2 * lowest + SLACK;
    }
  }

  private State state;

  LossWatch(int vocabSize) {
    state = new State(0, 0, Math.log(vocabSize));
  }

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
          "step %d: the loss explodes: %.3f, mean of the last steps %.3f, lowest before %.3f;"
                  .formatted(step, loss, next.mean(), state.lowest())
              + " lower the learning rate");
    }
    state = next;
  }
}
