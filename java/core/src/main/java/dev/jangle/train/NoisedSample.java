package dev.jangle.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The inputs of a sample, some of them replaced. {@code depth} says for each input how far it
 * stands in its segment: 1 for the first noised token, 0 for clean ones. Or all of them clean, and
 * noise on branches beside them.
 */
final class NoisedSample {
  /** Noise instead of the inputs from a place on; it attends the inputs before, none behind. */
  static final class Branch {
    final int from;
    final int[] inputs;

    /** Of its labels in the loss. */
    final double weight;

    private Branch(int from, int[] inputs, double weight) {
      this.from = from;
      this.inputs = inputs;
      this.weight = weight;
    }
  }

  private final Sample sample;
  private final int[] inputs;
  private final int[] depth;
  private final List<Branch> branches = new ArrayList<>();

  NoisedSample(Sample sample) {
    this(sample, sample.inputs(), new int[sample.length() - 1]);
  }

  private NoisedSample(Sample sample, int[] inputs, int[] depth) {
    this.sample = sample;
    this.inputs = inputs;
    this.depth = depth;
  }

  Sample sample() {
    return sample;
  }

  /** Inputs, one fewer than the sample has tokens. */
  int length() {
    return inputs.length;
  }

  /** Inputs and those of the branches. */
  int places() {
    return inputs.length + branches.stream().mapToInt(branch -> branch.inputs.length).sum();
  }

  List<Branch> branches() {
    return Collections.unmodifiableList(branches);
  }

  int input(int i) {
    return inputs[i];
  }

  int depth(int i) {
    return depth[i];
  }

  /** Whether noise may stand here: the assistant wrote it, and there is a token before it. */
  boolean open(int i) {
    return i > 0 && sample.written(i);
  }

  /** Replaces a run of inputs, left to right, each by one of those before it. */
  void replace(int from, int length, CounterRandom random) {
    for (int i = 0; i < length; i++) {
      inputs[from + i] = inputs[random.nextInt(from + i)];
      depth[from + i] = i + 1;
    }
  }

  /** Adds a branch: noise for a run of inputs, each token one of those before it. */
  void branch(int from, int length, double weight, CounterRandom random) {
    int[] noise = new int[length];
    for (int i = 0; i < length; i++) {
      int before = random.nextInt(from + i);
      noise[i] = before < from ? inputs[before] : noise[before - from];
    }
    branches.add(new Branch(from, noise, weight));
  }

  /**
   * The same up to its last replaced input, where only what follows a replaced input is learnt;
   * nothing where there is no such label.
   */
  Optional<NoisedSample> noiseAlone() {
    int end = 0; // inputs up to the last replaced one
    boolean[] learnt = new boolean[sample.length()];
    for (int i = 0; i < depth.length; i++) {
      if (depth[i] > 0 && sample.learnt(i + 1)) {
        learnt[i + 1] = true;
        end = i + 1;
      }
    }
    if (end == 0) {
      return Optional.empty();
    }
    int[] tokens = new int[end + 1];
    Arrays.setAll(tokens, sample::token);
    Sample alone = new Sample(tokens, Arrays.copyOf(learnt, end + 1), false);
    return Optional.of(
        new NoisedSample(alone, Arrays.copyOf(inputs, end), Arrays.copyOf(depth, end)));
  }
}
