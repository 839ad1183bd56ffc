package dev.jangle.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The samples of a data set for one model, in its order. Immutable.
 *
 * @param samples what the encoder made of the examples, but for those that it dropped
 * @param origins file and line of each sample
 * @param bad lines that cannot be used, each with file, line and reason: first the data set's own,
 *     then those that the encoder refuses
 */
public record EncodedSamples(List<Sample> samples, List<String> origins, List<String> bad) {
  /** Copies the lists. */
  public EncodedSamples {
    samples = List.copyOf(samples);
    origins = List.copyOf(origins);
    bad = List.copyOf(bad);
  }

  /**
   * Encodes the examples. One that the chat template refuses counts as a bad line.
   *
   * @param mostBad the share of bad lines from 0 to 1 that is let pass
   * @throws DataException where more lines than that are bad, naming the first of them, or none is
   *     good
   */
  public static EncodedSamples of(DataSet data, SampleEncoder encoder, double mostBad) {
    List<Sample> samples = new ArrayList<>();
    List<String> origins = new ArrayList<>();
    List<String> bad = new ArrayList<>(data.bad());
    int good = 0;
    for (Example example : data.examples()) {
      try {
        Optional<Sample> sample = encoder.encode(example);
        good++;
        if (sample.isPresent()) {
          samples.add(sample.get());
          origins.add(example.origin());
        }
      } catch (DataException e) {
        bad.add(e.getMessage());
      }
    }
    DataSet.requireFewBad(good, bad, mostBad);
    return new EncodedSamples(samples, origins, bad);
  }
}
