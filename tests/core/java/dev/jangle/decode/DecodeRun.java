package dev.jangle.decode;

import dev.jangle.GenerationOptions;
import dev.jangle.Statistics;
import dev.jangle.StopReason;
import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Machine;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** A loaded model with one sequence, on which generations run that keep their logits. */
final class DecodeRun implements AutoCloseable {
  private final Backend backend;
  private final Transformer transformer;
  private final Workspace work;
  private final KvCache cache;
  private final StepRunner runner;
  private final int contextLength;

  /**
   * What a generation wrote.
   *
   * @param logits of the position before each token, as computed on the accepted path
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Trace(int[] tokens, float[][] logits, StopReason stopReason, Statistics statistics) {}

  DecodeRun(Path checkpoint, Machine machine, DType cacheFormat, int contextLength)
      throws IOException {
    this.contextLength = contextLength;
    int positions = contextLength + TokenTree.MAX_NODES;
    backend = machine.open();
    try (Checkpoint file = Checkpoint.open(checkpoint)) {
      transformer = Transformer.load(file, backend, positions, (done, total) -> {});
    }
    work = transformer.newWorkspace();
    int pages = (positions + KvLayer.PAGE - 1) / KvLayer.PAGE;
    cache =
        new KvCache(new KvPool(backend, transformer.config(), cacheFormat, pages), work.kernels());
    runner = new StepRunner(transformer, backend, work, cache);
  }

  /** The tiny model of this name, which PyTorch wrote. */
  static Path fixture(String name) {
    Path folder =
        Path.of(System.getProperty("jangle.root"), "tests/core/resources/models").resolve(name);
    Path gguf = folder.resolve("model.gguf");
    return Files.exists(gguf) ? gguf : folder;
  }

  int vocabSize() {
    return transformer.config().vocabSize();
  }

  Transformer transformer() {
    return transformer;
  }

  Backend backend() {
    return backend;
  }

  /** Positions that the cache holds. */
  int cached() {
    return cache.length();
  }

  /** Keeps the first positions only. */
  void truncate(int length) {
    cache.truncate(length);
  }

  /** Forgets all tokens and fills every slot of the cache with NaN. */
  void poison() {
    cache.truncate(0);
    DeviceBuffer buffer = cache.layer(0).buffer();
    try (Arena arena = Arena.ofConfined()) {
      work.kernels().upload(arena.allocate(buffer.bytes()).fill((byte) -1), buffer);
      work.kernels().synchronize();
    }
  }

  /** A generation that has not begun. */
  Decoder decoder(
      int[] prompt,
      GenerationOptions options,
      Set<Integer> endTokens,
      Function<TokenHistory, TreePlanner> planners) {
    return new Decoder(runner, options, planners, endTokens, prompt, contextLength);
  }

  /** Answers a prompt of which the cache holds the beginning already. */
  Trace generate(
      int[] prompt,
      GenerationOptions options,
      Set<Integer> endTokens,
      Function<TokenHistory, TreePlanner> planners) {
    RecordingPlanner[] recording = new RecordingPlanner[1];
    Decoder decoder =
        decoder(
            prompt,
            options,
            endTokens,
            history -> recording[0] = new RecordingPlanner(planners.apply(history)));
    List<Integer> tokens = new ArrayList<>();
    List<float[]> logits = new ArrayList<>();
    decoder.prefill(() -> false);
    take(decoder, tokens);
    if (!tokens.isEmpty()) {
      int last = work.batch().rows() - 1;
      logits.add(work.kernels().download(transformer.logits(work, last, 1))[0]);
    }
    while (decoder.stopReason() == null) {
      decoder.step();
      take(decoder, tokens);
      TokenTree tree = recording[0].tree;
      float[][] rows = work.kernels().download(transformer.logits(work, 0, tree.size()));
      int node = 0;
      for (int i = 0; i < decoder.stepCount(); i++) {
        logits.add(rows[node]);
        node = i + 1 < decoder.stepCount() ? tree.child(node, decoder.stepToken(i)) : node;
      }
    }
    return new Trace(
        tokens.stream().mapToInt(Integer::intValue).toArray(),
        logits.toArray(float[][]::new),
        decoder.stopReason(),
        decoder.statistics(tokens.size(), 0));
  }

  private static void take(Decoder decoder, List<Integer> tokens) {
    for (int i = 0; i < decoder.stepCount(); i++) {
      tokens.add(decoder.stepToken(i));
    }
  }

  /** Remembers the tree of the last step. */
  private static final class RecordingPlanner implements TreePlanner {
    private final TreePlanner planner;
    private TokenTree tree;

    RecordingPlanner(TreePlanner planner) {
      this.planner = planner;
    }

    @Override
    public void plan(TokenTree planned, int maxDepth) {
      planner.plan(planned, maxDepth);
      tree = planned;
    }

    @Override
    public void observe(StepOutcome outcome) {
      planner.observe(outcome);
    }

    @Override
    public int topK() {
      return planner.topK();
    }
  }

  @Override
  public void close() {
    runner.close();
    cache.close();
    work.close();
    transformer.close();
    backend.close();
  }
}
