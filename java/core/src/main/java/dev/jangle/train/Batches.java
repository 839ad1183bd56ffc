package dev.jangle.train;

import java.util.ArrayList;
import java.util.List;

/**
 * The packed batches of a run, without end: each epoch shuffles the samples anew, packs them, and
 * draws new noise. All of it follows from the seed, so a run goes on from {@link #place} as if it
 * had never stopped. One thread at a time.
 */
final class Batches {
  /** Rows that wait for a sample that fits; more of them leave fewer empty places. */
  private static final int OPEN_ROWS = 16;

  /** Separates the key of the order from those of the noise. */
  private static final long ORDER = -1;

  /**
   * Where a run stands.
   *
   * @param epoch from 0
   * @param row of the epoch that comes next
   */
  record Place(long epoch, int row) {}

  private static final class Row {
    private final List<Integer> samples = new ArrayList<>();
    private int used;
  }

  private final List<Sample> samples;
  private final NoiseStrategy noise;
  private final long seed;
  private final int length;
  private long epoch;
  private int next;
  private List<Row> rows;

  /**
   * Batches of rows of {@code length} inputs.
   *
   * @throws IllegalArgumentException where there are no samples, or one has more inputs
   */
  Batches(List<Sample> samples, NoiseStrategy noise, long seed, int length) {
    if (samples.isEmpty()) {
      throw new IllegalArgumentException("no samples to train on");
    }
    for (Sample sample : samples) {
      if (sample.length() - 1 > length) {
        throw new IllegalArgumentException(
            "a sample has %d tokens; rows of %d inputs hold %d"
                .formatted(sample.length(), length, length + 1));
      }
    }
    this.samples = List.copyOf(samples);
    this.noise = noise;
    this.seed = seed;
    this.length = length;
    this.rows = pack(0);
  }

  /** Where the run stands; {@link #seek} takes it up again. */
  Place place() {
    return new Place(epoch, next);
  }

  /** Goes on from a place of a run with the same samples, seed and length. */
  void seek(Place place) {
    List<Row> found = pack(place.epoch());
    if (place.row() < 0 || place.row() > found.size()) {
      throw new IllegalArgumentException(
          "epoch %d has %d rows, none is number %d"
              .formatted(place.epoch(), found.size(), place.row()));
    }
    epoch = place.epoch();
    next = place.row();
    rows = found;
  }

  /** Places of a row: its inputs, and what noise adds to them. */
  int places() {
    return length + SegmentPlacer.room(noise, length);
  }

  /** Rows of the present epoch. */
  int rows() {
    return rows.size();
  }

  /** Rows of the first epochs together. */
  long rowsOfFirst(int epochs) {
    long sum = 0;
    for (long i = 0; i < epochs; i++) {
      sum += pack(i).size();
    }
    return sum;
  }

  /** Moves to the next epoch where the present one has no more rows. */
  private Row row() {
    if (next == rows.size()) {
      epoch++;
      next = 0;
      rows = pack(epoch);
    }
    return rows.get(next);
  }

  /** Passes over the next row; gives its samples by their numbers. */
  List<Integer> skip() {
    List<Integer> passed = List.copyOf(row().samples);
    next++;
    return passed;
  }

  /**
   * The next row.
   *
   * @param progress of the run, from 0 to 1
   */
  PackedBatch next(double progress) {
    PackedBatch batch = new PackedBatch(places());
    for (int sample : row().samples) {
      CounterRandom random = new CounterRandom(seed, epoch, sample);
      batch.add(SegmentPlacer.noise(noise, samples.get(sample), progress, random));
    }
    next++;
    return batch;
  }

  /** First fit, in shuffled order; a row is closed when it is the oldest of too many. */
  private List<Row> pack(long ofEpoch) {
    List<Row> closed = new ArrayList<>();
    List<Row> open = new ArrayList<>();
    for (int sample : order(ofEpoch)) {
      int inputs = samples.get(sample).length() - 1;
      Row row = null;
      for (int i = 0; i < open.size() && row == null; i++) {
        row = open.get(i).used + inputs <= length ? open.get(i) : null;
      }
      if (row == null) {
        if (open.size() == OPEN_ROWS) {
          closed.add(open.remove(0));
        }
        row = new Row();
        open.add(row);
      }
      row.samples.add(sample);
      row.used += inputs;
    }
    closed.addAll(open);
    return closed;
  }

  private int[] order(long ofEpoch) {
    CounterRandom random = new CounterRandom(seed, ofEpoch, ORDER);
    int[] order = new int[samples.size()];
    for (int i = 0; i < order.length; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
