package dev.jangle.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The examples of one or more files of JSON lines, in their order; see {@link ExampleParser} for
 * the forms. Blank lines are passed over. Immutable.
 *
 * @param examples the good lines
 * @param bad what was wrong with the others, each with file and line
 */
public record DataSet(List<Example> examples, List<String> bad) {
  /** The share of bad lines at which {@link #read} gives up, unless told otherwise. */
  public static final double MOST_BAD = 0.01;

  private static final int SHOWN = 5;

  /** Copies both lists. */
  public DataSet {
    examples = List.copyOf(examples);
    bad = List.copyOf(bad);
  }

  /**
   * Reads the files.
   *
   * @param mostBad the share of bad lines from 0 to 1 that is let pass
   * @throws DataException where more lines than that are bad, naming the first of them, or none is
   *     good
   * @throws IOException where a file cannot be read, or is not UTF-8
   */
  public static DataSet read(List<Path> files, double mostBad) throws IOException {
    if (!(mostBad >= 0 && mostBad <= 1)) {
      throw new IllegalArgumentException(
          "the share of bad lines is " + mostBad + "; expected 0 to 1");
    }
    List<Example> examples = new ArrayList<>();
    List<String> bad = new ArrayList<>();
    for (Path file : files) {
      readFile(file, examples, bad);
    }
    if (examples.isEmpty() && bad.isEmpty()) {
      throw new DataException(files + ": no examples; expected JSON lines");
    }
    requireFewBad(examples.size(), bad, mostBad);
    return new DataSet(examples, bad);
  }

  private static void readFile(Path file, List<Example> examples, List<String> bad)
      throws IOException {
    int number = 0;
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        number++;
        if (line.isBlank()) {
          continue;
        }
        String origin = file + ":" + number;
        try {
          examples.add(ExampleParser.parse(origin, line));
        } catch (ExampleParser.BadExample e) {
          bad.add(origin + ": " + e.getMessage());
        }
      }
    } catch (MalformedInputException e) {
      throw new IOException(file + ": is not UTF-8 after line " + number, e);
    }
  }

  /** Throws where more than the share of lines that is let pass are bad, or none is good. */
  static void requireFewBad(int good, List<String> bad, double mostBad) {
    int lines = good + bad.size();
    if (good == 0 || bad.size() > mostBad * lines) {
      throw new DataException(
          "%d of %d lines are bad, more than %s %% are not let pass. Mend them, or allow more:%n%s%s"
              .formatted(
                  bad.size(),
                  lines,
                  100 * mostBad,
                  String.join("\n", bad.subList(0, Math.min(SHOWN, bad.size()))),
                  bad.size() > SHOWN ? "\n..." : ""));
    }
  }
}
