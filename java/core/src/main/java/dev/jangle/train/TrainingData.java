package dev.jangle.train;

import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The samples of a run, in the order of the files. Immutable.
 *
 * @param samples what is learnt
 * @param origins file and line of each sample
 * @param bad lines that cannot be used, each with file, line and reason
 * @param truncated samples that were cut to the length of a row
 * @param dropped samples that were left out for their length
 */
record TrainingData(
    List<Sample> samples, List<String> origins, List<String> bad, int truncated, int dropped) {
  TrainingData {
    samples = List.copyOf(samples);
    origins = List.copyOf(origins);
    bad = List.copyOf(bad);
  }

  /**
   * Reads and encodes the files. A conversation that the chat template refuses counts as a bad
   * line.
   *
   * @throws DataException where too many lines are bad, or no sample is left
   * @throws IOException where a file cannot be read
   */
  static TrainingData read(List<Path> files, Tokenizer tokenizer, TrainingOptions options)
      throws IOException {
    DataSet data = DataSet.read(files, options.mostBad());
    SampleEncoder encoder =
        new SampleEncoder(
            tokenizer, options.length() + 1, options.tooLong(), options.learnPrompts());
    EncodedSamples encoded = EncodedSamples.of(data, encoder, options.mostBad());
    if (encoded.samples().isEmpty()) {
      throw new DataException(
          "%s: all %d samples are longer than %d tokens, with no answer before; make rows longer"
              .formatted(files, encoder.dropped(), options.length() + 1));
    }
    return new TrainingData(
        encoded.samples(),
        encoded.origins(),
        encoded.bad(),
        encoder.truncated(),
        encoder.dropped());
  }

  /**
   * Checks the tokens against the model.
   *
   * @throws DataException where the model does not know one, naming the sample
   */
  void requireVocabulary(int size) {
    for (int i = 0; i < samples.size(); i++) {
      Sample sample = samples.get(i);
      for (int j = 0; j < sample.length(); j++) {
        if (sample.token(j) >= size) {
          throw new DataException(
              "%s: has token %d, the model knows %d; its tokenizer is another model's"
                  .formatted(origins.get(i), sample.token(j), size));
        }
      }
    }
  }
}
