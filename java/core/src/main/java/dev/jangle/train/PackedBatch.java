package dev.jangle.train;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Samples side by side in a row of fixed length. An input attends only inputs of its own sample,
 * whose positions count from 0. A sample's branches lie behind its inputs: their places have the
 * positions and labels of the inputs that they stand for, and do not attend the inputs from there
 * on, nor other branches. Places after the last sample are alone and learn nothing.
 */
final class PackedBatch {
  /** No label: the place does not count in the loss. */
  static final int NONE = -1;

  private final int[] inputs;
  private final int[] targets;
  private final int[] starts;
  private final int[] gaps;
  private final int[] positions;
  private final int[] depths;
  private final double[] weights;

  /** Of inputs that are not on a branch, whether noise may stand there. */
  private final boolean[] open;

  private int used;

  PackedBatch(int length) {
    inputs = new int[length];
    targets = new int[length];
    starts = new int[length];
    gaps = new int[2 * length];
    positions = new int[length];
    depths = new int[length];
    weights = new double[length];
    open = new boolean[length];
    Arrays.fill(targets, NONE);
    Arrays.setAll(starts, i -> i);
  }

  private PackedBatch(PackedBatch other) {
    inputs = other.inputs.clone();
    targets = other.targets.clone();
    starts = other.starts.clone();
    gaps = other.gaps.clone();
    positions = other.positions.clone();
    depths = other.depths.clone();
    weights = other.weights.clone();
    open = other.open.clone();
    used = other.used;
  }

  void add(NoisedSample noised) {
    if (noised.places() > inputs.length - used) {
      throw new IllegalArgumentException(
          "a sample of %d inputs, but %d of %d places are left"
              .formatted(noised.places(), inputs.length - used, inputs.length));
    }
    int start = used;
    Sample sample = noised.sample();
    for (int i = 0; i < noised.length(); i++) {
      int target = sample.learnt(i + 1) ? sample.token(i + 1) : NONE;
      open[used] = noised.open(i);
      add(noised.input(i), target, start, i, noised.depth(i), 1);
    }
    for (NoisedSample.Branch branch : noised.branches()) {
      int first = used;
      for (int i = 0; i < branch.inputs.length; i++) {
        int position = branch.from + i;
        gaps[2 * used] = start + branch.from;
        gaps[2 * used + 1] = first;
        int target = targets[start + position];
        add(branch.inputs[i], target, start, position, i + 1, branch.weight);
      }
    }
  }

  private void add(int input, int target, int start, int position, int depth, double weight) {
    inputs[used] = input;
    targets[used] = target;
    starts[used] = start;
    positions[used] = position;
    depths[used] = depth;
    weights[used] = weight;
    used++;
  }

  /** Places, the empty ones included. */
  int length() {
    return inputs.length;
  }

  /** Places that hold inputs. */
  int used() {
    return used;
  }

  /** Tokens that the model reads. */
  int[] inputs() {
    return inputs;
  }

  /** For each place the token to be predicted there, or {@link #NONE}. */
  int[] targets() {
    return targets;
  }

  /** For each place the first place of its sample. */
  int[] starts() {
    return starts;
  }

  /**
   * For each place the first place of its sample that it does not attend, and the first behind
   * those; twice 0 where it attends all.
   */
  int[] gaps() {
    return gaps;
  }

  /** For each place its position in its sample. */
  int[] positions() {
    return positions;
  }

  /**
   * For each place how far it stands in a segment of noise: 1 for the first, 0 for clean inputs.
   */
  int[] depths() {
    return depths;
  }

  /** For each place what its label counts in the loss: 1, but on branches. */
  double[] weights() {
    return weights;
  }

  /** The places that have a label, ascending: those of a batch's outcome. */
  int[] labelled() {
    return IntStream.range(0, used).filter(i -> targets[i] != NONE).toArray();
  }

  /** What all labels count together. */
  double weight() {
    return Arrays.stream(labelled()).mapToDouble(i -> weights[i]).sum();
  }

  /** Places that count in the loss. */
  int learnt() {
    return labelled().length;
  }

  /**
   * The batch with the branches that Jacobi decoding would have next, had it accepted nothing: each
   * goes on from the next input, with the model's drafts, what it wrote after each token of the
   * branch. Where noise may not stand, a branch ends.
   *
   * @param written for each place the token that the model wrote after it; read on branches only
   */
  PackedBatch next(int[] written) {
    PackedBatch next = new PackedBatch(this);
    boolean ended = false;
    for (int i = 0; i < used; i++) {
      int first = gaps[2 * i + 1]; // of the branch
      if (first == 0) {
        continue;
      }
      int moved = starts[i] + positions[i] + 1; // the input that it stands for next
      ended = (i > first && ended) || depths[i] == 0 || !open[moved];
      if (ended) {
        next.targets[i] = NONE;
        next.depths[i] = 0;
      } else {
        next.inputs[i] = written[i];
        next.targets[i] = targets[moved];
        next.gaps[2 * i]++;
        next.positions[i]++;
      }
    }
    return next;
  }
}
