package dev.jangle.train;

import java.util.ArrayList;
import java.util.List;

/** Where the segments of noise stand in a sample. */
final class SegmentPlacer {
  /** Inputs [from, from + length) that may all be replaced, and no more on either side. */
  private record Run(int from, int length) {}

  private SegmentPlacer() {}

  /**
   * A sample's inputs with noise.
   *
   * @param progress of the run, from 0 to 1
   * @param random keyed by seed, epoch and sample
   */
  static NoisedSample noise(
      NoiseStrategy strategy, Sample sample, double progress, CounterRandom random) {
    NoisedSample noised = new NoisedSample(sample);
    switch (strategy) {
      case NoiseStrategy.None none -> {}
      case NoiseStrategy.Ahead ahead -> one(noised, ahead.length(), random);
      case NoiseStrategy.Segments all -> spread(noised, all.length(), all.share(), random);
      case NoiseStrategy.OwnDrafts own -> branch(noised, own, random);
      case NoiseStrategy.Progressive all -> {
        int length = 1 + (int) Math.min(all.length() - 1, progress * all.length());
        spread(noised, length, all.share(), random);
      }
    }
    return noised;
  }

  /** The most places that noise adds to a row of {@code length} inputs. */
  static int room(NoiseStrategy strategy, int length) {
    return strategy instanceof NoiseStrategy.OwnDrafts own ? (int) (own.share() * length) : 0;
  }

  private static List<Run> runs(NoisedSample sample) {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < sample.length(); ) {
      int from = i;
      while (i < sample.length() && sample.open(i)) {
        i++;
      }
      if (i > from) {
        runs.add(new Run(from, i - from));
      } else {
        i++;
      }
    }
    return runs;
  }

  /**
   * One segment, its place uniform over all that hold it whole; where none does, the longest run
   * becomes noise (the first of equals).
   */
  private static void one(NoisedSample sample, int length, CounterRandom random) {
    List<Run> runs = runs(sample);
    int places = 0;
    Run longest = null;
    for (Run run : runs) {
      places += Math.max(0, run.length() - length + 1);
      longest = longest == null || run.length() > longest.length() ? run : longest;
    }
    if (places == 0) {
      if (longest != null) {
        sample.replace(longest.from(), longest.length(), random);
      }
      return;
    }
    int place = random.nextInt(places);
    for (Run run : runs) {
      int here = Math.max(0, run.length() - length + 1);
      if (place < here) {
        sample.replace(run.from() + place, length, random);
        return;
      }
      place -= here;
    }
  }

  /**
   * So many segments in each run as its length and the share ask for; what a run cannot take is
   * carried to the next. A run is cut into equal parts, and each part has its segment at a random
   * place. Where none has room, one segment as in {@link #one}.
   */
  private static void spread(NoisedSample sample, int length, double share, CounterRandom random) {
    double wanted = 0;
    int placed = 0;
    for (Run run : runs(sample)) {
      wanted += share * run.length() / length;
      int most = (int) (NoiseStrategy.MOST * run.length() / length);
      int count = Math.min((int) Math.round(wanted), most);
      wanted -= count;
      placed += count;
      for (int part = 0; part < count; part++) {
        int from = (int) ((long) run.length() * part / count);
        int to = (int) ((long) run.length() * (part + 1) / count);
        int at = from + random.nextInt(to - from - length + 1);
        sample.replace(run.from() + at, length, random);
      }
    }
    if (placed == 0) {
      one(sample, length, random);
    }
  }

  /**
   * So many branches for each run as its length and the share ask for, whole ones only; what is
   * left is carried to the next run. A run is cut into equal parts, and a branch begins at a random
   * place of each; at the run's end it is shorter.
   */
  private static void branch(
      NoisedSample sample, NoiseStrategy.OwnDrafts own, CounterRandom random) {
    double wanted = 0;
    for (Run run : runs(sample)) {
      wanted += own.share() * run.length() / own.length();
      int count = (int) wanted;
      wanted -= count;
      for (int part = 0; part < count; part++) {
        int from = (int) ((long) run.length() * part / count);
        int to = (int) ((long) run.length() * (part + 1) / count);
        int at = from + random.nextInt(to - from);
        int length = Math.min(own.length(), run.length() - at);
        sample.branch(run.from() + at, length, own.weight(), random);
      }
    }
  }
}
