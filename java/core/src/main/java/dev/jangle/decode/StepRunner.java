package dev.jangle.decode;

import dev.jangle.GenerationOptions;
import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Batch;
import dev.jangle.backend.Graph;
import dev.jangle.backend.Kernels;
import dev.jangle.cache.KvCache;
import dev.jangle.decode.Chooser.Choice;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the model over one sequence. The passes of a prompt are ordinary calls. A step of decoding
 * is one recording, launched again and again: the pass over the tree, the choice after each row,
 * the likeliest tokens, the walk along the choices, the move of the accepted rows in the cache, and
 * the way of the choices to the host. So a step is one upload (the rows, the page table and how to
 * sample: the batch), one launch, and one wait.
 *
 * <p>On a GPU a recording serves trees of up to its number of rows, and the batch is padded: up to
 * eight rows and more are next to free there. On the CPU every row takes its time, but a recording
 * is just a list of calls: there is one for each number of rows.
 *
 * <p>Belongs to one session. One thread at a time.
 */
public final class StepRunner implements AutoCloseable {
  private final Transformer transformer;
  private final Workspace work;
  private final KvCache cache;
  private final Chooser chooser;
  private final boolean pads;
  private final Map<Shape, Graph> graphs = new HashMap<>();
  private boolean sampled;

  /** What a recording was made for. */
  private record Shape(int rows, Choice choice) {}

  /**
   * @param cache the sequence; it and the workspace must outlive the runner
   */
  public StepRunner(Transformer transformer, Backend backend, Workspace work, KvCache cache) {
    this.transformer = transformer;
    this.work = work;
    this.cache = cache;
    this.pads = backend.kind() == BackendKind.CUDA;
    this.chooser = new Chooser(backend, work, transformer.config().vocabSize());
  }

  private StepRunner(StepRunner first, KvCache cache) {
    this.transformer = first.transformer;
    this.work = first.work;
    this.cache = cache;
    this.chooser = first.chooser;
    this.pads = first.pads;
  }

  /**
   * The same for another cache of the pool. It shares all buffers, so that one is used at a time,
   * and must not be closed: they belong to the first.
   */
  StepRunner over(KvCache other) {
    return new StepRunner(this, other);
  }

  KvCache cache() {
    return cache;
  }

  /** The token that the model chooses after each row of the last step; reused by the next. */
  int[] next() {
    return chooser.next;
  }

  /** The likeliest tokens after each row of the last step, as many as were asked for. */
  int[] topIds() {
    return chooser.topIds;
  }

  /** Their logits. */
  float[] topValues() {
    return chooser.topValues;
  }

  /** Passes from now on choose as these options say. */
  void choose(GenerationOptions options) {
    sampled = options.temperature() != 0;
    if (sampled) {
      work.batch()
          .sampling(
              (float) options.temperature(),
              options.topK(),
              (float) options.topP(),
              (float) options.minP(),
              options.seed());
    }
  }

  /**
   * Computes and commits tokens of a prompt.
   *
   * @param chain parents of rows that follow each other
   * @param last whether to choose the token after the last of them, which is then {@code next()[0]}
   */
  void prefill(int[] tokens, int[] chain, int rows, boolean last) {
    cache.reserve(rows);
    work.batch().set(tokens, chain, 0, rows, cache.length(), cache.pages());
    transformer.forward(work, cache);
    if (last) {
      Choice choice = new Choice(sampled, 0);
      chooser.choose(transformer.logits(work, rows - 1, 1), rows - 1, choice);
      chooser.download(1, choice);
      chooser.read(1, 1, choice);
    }
    cache.commit(rows);
  }

  /** Waits for all passes. */
  void synchronize() {
    work.kernels().synchronize();
  }

  /**
   * Runs a tree. Afterwards {@link KvCache#commit} may commit the rows that {@link #next} leads to,
   * or the first of them.
   *
   * @param topK how many of the likeliest tokens are wanted after each row
   * @return nanoseconds that it took to record what is launched; 0 where that had been done
   * @throws dev.jangle.model.NanLogitsException where a logit is not a number
   */
  long step(int[] tokens, int[] parents, int rows, int topK) {
    int padded = pads ? padded(rows) : rows;
    Choice choice = new Choice(sampled, topK);
    cache.reserve(rows);
    work.batch().set(tokens, parents, 0, rows, padded, cache.length(), cache.pages());
    Shape shape = new Shape(padded, choice);
    Graph graph = graphs.get(shape);
    long recording = 0;
    if (graph == null) {
      long start = System.nanoTime();
      graph = record(shape);
      graphs.put(shape, graph);
      recording = System.nanoTime() - start;
    }
    work.kernels().launch(graph);
    chooser.read(rows, padded, choice);
    return recording;
  }

  /**
   * Runs the trees of several sequences, whose caches are of one pool, in one pass. It is not
   * recorded: how many rows each has changes from pass to pass.
   *
   * @param sequences with room in their caches
   * @param topK how many of the likeliest tokens are wanted after each row
   * @return rows of all together
   * @throws dev.jangle.model.NanLogitsException where a logit is not a number
   */
  int step(List<Batch.Rows> sequences, int topK) {
    Choice choice = new Choice(sampled, topK);
    work.batch().set(sequences);
    int rows = work.batch().rows();
    transformer.forward(work, cache);
    after(rows, choice);
    chooser.read(rows, rows, choice);
    return rows;
  }

  /** The next power of two up to 16, then the next multiple of 16: a dozen recordings serve all. */
  static int padded(int rows) {
    if (rows > 16) {
      return Math.ceilDiv(rows, 16) * 16;
    }
    return rows == 1 ? 1 : Integer.highestOneBit(rows - 1) << 1;
  }

  private Graph record(Shape shape) {
    Kernels kernels = work.kernels();
    return kernels.capture(
        () -> {
          transformer.forward(work, cache);
          after(shape.rows, shape.choice);
        });
  }

  /** What follows the pass over so many rows. */
  private void after(int rows, Choice choice) {
    chooser.choose(transformer.logits(work, 0, rows), 0, choice);
    chooser.accept(cache, choice);
    chooser.download(rows, choice);
  }

  @Override
  public void close() {
    graphs.values().forEach(Graph::close);
    graphs.clear();
    chooser.close();
  }
}
