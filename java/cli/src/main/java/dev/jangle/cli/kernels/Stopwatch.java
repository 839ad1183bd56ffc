package dev.jangle.cli.kernels;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Event;
import dev.jangle.backend.Graph;
import dev.jangle.backend.Kernels;
import java.util.ArrayList;
import java.util.List;

/**
 * Times calls by events of the device. The calls of a sample are recorded in a graph, so that no
 * time of Java's is in it; a sample is a launch, and lasts long enough that neither the events'
 * resolution nor the launch shows. Every round takes one sample of each number of rows, so that a
 * slow moment of the machine falls on all of them, and goes on in the buffers where the sample
 * before it ended; behind a first launch that is not counted, a round is queued whole, so that a
 * GPU never waits for the host inside it.
 */
final class Stopwatch {
  /** A launch of a graph takes a GPU some 10 us. */
  private static final double SAMPLE_MICROS = 400;

  private static final int MOST_ROUNDS = 1000;

  private final Backend backend;
  private final Kernels kernels;
  private final Effort effort;

  /** Where the next sample begins, as a share of the turns. */
  private double position;

  Stopwatch(Backend backend, Kernels kernels, Effort effort) {
    this.backend = backend;
    this.kernels = kernels;
    this.effort = effort;
  }

  /** The calls of one number of rows, cut into samples of {@code calls} calls. */
  private final class Lane implements AutoCloseable {
    private final Work work;
    private final int rows;
    private final int calls;
    private final List<Graph> graphs = new ArrayList<>();
    private final Event start = backend.newEvent();
    private final Event end = backend.newEvent();
    private final List<Double> micros = new ArrayList<>();

    Lane(Work work, int rows) {
      this.work = work;
      this.rows = rows;
      int turns = work.turns(rows);
      work.call(rows, 0); // pages, caches and clocks
      kernels.record(start);
      work.call(rows, turns - 1);
      kernels.record(end);
      double once = Math.max(1e-3, end.millisSince(start) * 1e3);
      calls = Math.clamp((long) Math.ceil(SAMPLE_MICROS / once), 1, effort.mostTurns());
      if (work.recordable()) {
        for (int first = 0; first < turns; first += calls) {
          int from = first;
          graphs.add(kernels.capture(() -> run(from)));
        }
        if (backend.kind() == BackendKind.CUDA) {
          graphs.forEach(kernels::launch); // the first launch uploads a graph
        }
      }
    }

    private void run(int from) {
      for (int i = 0; i < calls; i++) {
        work.call(rows, (from + i) % work.turns(rows));
      }
    }

    void launch() {
      if (graphs.isEmpty()) {
        run(0);
        return;
      }
      int index = (int) Math.ceil(position * graphs.size()) % graphs.size();
      kernels.launch(graphs.get(index));
      position = (index + 1.0) / graphs.size();
    }

    void sample() {
      kernels.record(start);
      launch();
      kernels.record(end);
    }

    /** Waits for the sample. */
    double read() {
      double time = end.millisSince(start) * 1e3;
      micros.add(time / calls);
      return time;
    }

    Spread spread() {
      return Spread.of(micros.stream().mapToDouble(Double::doubleValue).toArray());
    }

    @Override
    public void close() {
      graphs.forEach(Graph::close);
      start.close();
      end.close();
    }
  }

  /** Times of one call, for each number of rows. */
  List<Spread> measure(Work work, int[] rows) {
    List<Lane> lanes = new ArrayList<>();
    try {
      for (int count : rows) {
        lanes.add(new Lane(work, count));
      }
      double total = 0;
      for (int round = 0; round < MOST_ROUNDS && goesOn(round, total); round++) {
        lanes.getFirst().launch();
        lanes.forEach(Lane::sample);
        for (Lane lane : lanes) {
          total += lane.read();
        }
      }
      return lanes.stream().map(Lane::spread).toList();
    } finally {
      kernels.synchronize();
      lanes.forEach(Lane::close);
    }
  }

  private boolean goesOn(int round, double micros) {
    return round < effort.leastRounds() || micros < effort.seconds() * 1e6;
  }
}
