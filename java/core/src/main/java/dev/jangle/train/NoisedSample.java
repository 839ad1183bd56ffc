package dev.jangle.train;

/**
 * The inputs of a sample, some of them replaced. {@code depth} says for each input how far it
 * stands in its segment: 1 for the first noised token, 0 for clean ones.
 */
final class NoisedSample {
  private final Sample sample;
  private final int[] inputs;
  private final int[] depth;

  NoisedSample(Sample sample) {
    this.sample = sample;
    this.inputs = sample.inputs();
    this.depth = new int[inputs.length];
  }

  Sample sample() {
    return sample;
  }

  /** Inputs, one fewer than the sample has tokens. */
  int length() {
    return inputs.length;
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
}
