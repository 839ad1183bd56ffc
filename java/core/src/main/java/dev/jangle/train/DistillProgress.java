package dev.jangle.train;

import java.util.Map;

/**
 * How far a distillation is.
 *
 * @param done examples in the journal
 * @param total examples of the data
 * @param bad lines of the data that were passed over, since they cannot be used
 * @param before of those done, how many an earlier run did
 * @param tokens written by this run, for examples that are not done, too
 * @param outcomes of all that are done, of earlier runs as well
 */
public record DistillProgress(
    int done, int total, int bad, int before, long tokens, Map<DistillOutcome, Integer> outcomes) {
  /** Copies the map. */
  public DistillProgress {
    outcomes = Map.copyOf(outcomes);
  }

  /** How many had this outcome. */
  public int count(DistillOutcome outcome) {
    return outcomes.getOrDefault(outcome, 0);
  }
}
