package dev.jangle.train;

import java.util.Arrays;

/**
 * Samples side by side in a row of fixed length. An input attends only inputs of its own sample,
 * whose positions count from 0. Places after the last sample are alone and learn nothing.
 */
final class PackedBatch {
  /** No label: the place does not count in the loss. */
  static final int NONE = -1;

  private final int[] inputs;
  private final int[] clean;
  private final boolean[] open;
  private final int[] targets;
  private final int[] starts;
  private final int[] positions;
  private final int[] depths;
  private int used;

  PackedBatch(int length) {
    inputs = new int[length];
    clean = new int[length];
    open = new boolean[length];
    targets = new int[length];
    starts = new int[length];
    positions = new int[length];
    depths = new int[length];
    Arrays.fill(targets, NONE);
    Arrays.setAll(starts, i -> i);
  }

  void add(NoisedSample noised) {
    if (noised.length() > inputs.length - used) {
      throw new IllegalArgumentException(
          "a sample of %d inputs, but %d of %d places are left"
              .formatted(noised.length(), inputs.length - used, inputs.length));
    }
    Sample sample = noised.sample();
    for (int i = 0; i < noised.length(); i++) {
      int at = used + i;
      inputs[at] = noised.input(i);
      clean[at] = sample.token(i);
      open[at] = noised.open(i);
      targets[at] = sample.learnt(i + 1) ? sample.token(i + 1) : NONE;
      starts[at] = used;
      positions[at] = i;
      depths[at] = noised.depth(i);
    }
    used += noised.length();
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

  /** Places that count in the loss. */
  int learnt() {
    return (int) Arrays.stream(targets).filter(target -> target != NONE).count();
  }

  /**
   * The same labels after the inputs that Jacobi decoding would have next, had it accepted nothing:
   * each segment of noise moves on by one place, or ends where noise may not stand; its first place
   * has the right token again, each other place the model's draft, what it wrote after the place
   * before.
   *
   * @param written for each place the token that the model wrote after it; read after noise only
   */
  PackedBatch next(int[] written) {
    PackedBatch next = new PackedBatch(inputs.length);
    next.used = used;
    System.arraycopy(clean, 0, next.inputs, 0, used);
    System.arraycopy(clean, 0, next.clean, 0, used);
    System.arraycopy(open, 0, next.open, 0, used);
    System.arraycopy(targets, 0, next.targets, 0, used);
    System.arraycopy(starts, 0, next.starts, 0, used);
    System.arraycopy(positions, 0, next.positions, 0, used);
    for (int i = 1; i < used; i++) {
      if (depths[i - 1] > 0 && open[i]) {
        next.inputs[i] = written[i - 1];
        next.depths[i] = depths[i - 1];
      }
    }
    return next;
  }
}
