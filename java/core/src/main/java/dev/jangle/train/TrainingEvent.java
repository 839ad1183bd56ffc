package dev.jangle.train;

import java.nio.file.Path;

/** What a run tells while it goes on. Immutable. */
public sealed interface TrainingEvent {
  /**
   * A step was done.
   *
   * @param step from 1
   * @param steps of the whole run
   * @param epoch from 0, of the step's last row
   * @param loss mean over the labels of the step by what they count, before it
   * @param cleanLoss mean over the labels on clean inputs
   * @param rate learning rate
   * @param norm of the gradients, before clipping
   * @param tokens inputs of the step
   * @param labels of the step
   * @param noised share of the inputs that were noise
   * @param denoising how well the model went on after noise
   * @param tokensPerSecond of the step
   * @param secondsLeft of the run, by the mean time of a step so far
   */
  record Step(
      int step,
      int steps,
      long epoch,
      double loss,
      double cleanLoss,
      double rate,
      double norm,
      int tokens,
      int labels,
      double noised,
      Denoising denoising,
      double tokensPerSecond,
      double secondsLeft)
      implements TrainingEvent {}

  /**
   * A checkpoint was written.
   *
   * @param step that it holds; 0 before the first
   */
  record Saved(int step, Path file) implements TrainingEvent {}
}
