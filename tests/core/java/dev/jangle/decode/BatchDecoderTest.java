package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import dev.jangle.StopReason;
import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Tier;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The promise where sequences share a pass: token ids, and the logits they were chosen by, have the
 * bits of plain decoding of each sequence alone, whatever its neighbours, on caches full of NaN.
 */
class BatchDecoderTest {
  private static final int CONTEXT = 300;
  private static final int PLACES = 5;
  private static final Set<Integer> ENDS = Set.of(2, 5, 11);

  /** A model with places for several sequences. */
  private static final class Places implements AutoCloseable {
    final Backend backend = Machine.best(2).open();
    final Transformer transformer;
    final Workspace work;
    final StepRunner runner;
    final List<KvCache> caches = new ArrayList<>();
    final DraftMemory memory;

    Places(String model, DType format, int count) throws IOException {
      try (Checkpoint file = Checkpoint.open(DecodeRun.fixture(model))) {
        transformer = Transformer.load(file, backend, CONTEXT + 128, (done, total) -> {});
      }
      work = transformer.newWorkspace(count);
      memory = new DraftMemory(transformer, backend, format);
      KvPool pool = new KvPool(backend, transformer.config(), format, count * 7);
      for (int i = 0; i < count; i++) {
        caches.add(new KvCache(pool, work.kernels()));
      }
      runner = new StepRunner(transformer, backend, work, caches.getFirst());
      DeviceBuffer buffer = caches.getFirst().layer(0).buffer();
      try (Arena arena = Arena.ofConfined()) {
        work.kernels().upload(arena.allocate(buffer.bytes()).fill((byte) -1), buffer);
        work.kernels().synchronize();
      }
    }

    BatchDecoder decoder(GenerationOptions options) {
      return new BatchDecoder(runner, caches, options, memory, ENDS, CONTEXT);
    }

    @Override
    public void close() {
      runner.close();
      caches.forEach(KvCache::close);
      work.close();
      transformer.close();
      backend.close();
    }
  }

  /** A sequence as it grows in the batch. */
  private static final class Growing {
    final int number;
    final Decoder decoder;
    final List<Integer> tokens = new ArrayList<>();
    final List<float[]> logits = new ArrayList<>();

    Growing(int number, Decoder decoder) {
      this.number = number;
      this.decoder = decoder;
    }

    /** Tokens of the last pass, with the logits that they were chosen by. */
    void take(float[][] rows, int first, Batched tree) {
      int node = 0;
      for (int i = 0; i < decoder.stepCount(); i++) {
        tokens.add(decoder.stepToken(i));
        logits.add(rows[first + node]);
        node = i + 1 < decoder.stepCount() ? tree.child(node, decoder.stepToken(i)) : node;
      }
    }
  }

  /** A tree of the batch, which the decoder uses again for the next. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Batched(int[] tokens, int[] parents, int count) {
    int child(int node, int token) {
      for (int i = node + 1; i < count; i++) {
        if (parents[i] == node && tokens[i] == token) {
          return i;
        }
      }
      throw new IllegalStateException("no node " + token + " below " + node);
    }
  }

  private static GenerationOptions options(int tokens, Decoding decoding, boolean sampled) {
    GenerationOptions options =
        GenerationOptions.defaults().withMaxTokens(tokens).withDecoding(decoding);
    return sampled ? options.withTemperature(0.9).withTopK(20).withSeed(7) : options;
  }

  @ParameterizedTest
  @EnumSource
  void everyTokenAndLogitIsThatOfTheSequenceAlone(Decoding decoding) throws IOException {
    boolean gpu = Machine.best(1).tier() == Tier.CUDA;
    if (gpu && decoding == Decoding.PAPER) {
      decoding = Decoding.JACOBI; // 128 rows a pass take minutes on the emulated GPU
    }
    String model = decoding == Decoding.AUTO ? "gguf_q4_1" : "qwen3";
    DType format = decoding == Decoding.PLAIN ? DType.F32 : DType.F16;
    GenerationOptions options = options(gpu ? 12 : 60, decoding, decoding == Decoding.JACOBI);
    Random random = new Random(decoding.name().hashCode());
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < (gpu ? 6 : 12); i++) {
      prompts.add(random.ints(1 + random.nextInt(gpu ? 20 : 150), 0, 120).toArray());
    }
    int steps = 0;
    List<Growing> done = new ArrayList<>();
    try (Places places = new Places(model, format, PLACES)) {
      BatchDecoder batch = places.decoder(options);
      ArrayDeque<Integer> waiting = new ArrayDeque<>();
      for (int i = 0; i < prompts.size(); i++) {
        waiting.add(i);
      }
      Growing[] running = new Growing[PLACES];
      while (done.size() < prompts.size()) {
        for (int place = 0; place < PLACES; place++) {
          // One new sequence a step: they begin and end at different times.
          if (running[place] == null && !waiting.isEmpty() && (place == 0 || steps % 3 == 0)) {
            int number = waiting.poll();
            Decoder decoder = batch.start(place, prompts.get(number));
            running[place] = new Growing(number, decoder);
            int last = places.work.batch().rows() - 1;
            float[][] rows =
                places.work.kernels().download(places.transformer.logits(places.work, last, 1));
            running[place].take(rows, 0, null);
          }
        }
        List<Growing> inPass = new ArrayList<>();
        for (Growing growing : running) {
          if (growing != null && growing.decoder.stopReason() == null) {
            inPass.add(growing);
          }
        }
        batch.step();
        steps++;
        if (!inPass.isEmpty()) {
          int count = places.work.batch().rows();
          float[][] rows =
              places.work.kernels().download(places.transformer.logits(places.work, 0, count));
          int first = 0;
          for (Growing growing : inPass) {
            var its = growing.decoder.rows();
            growing.take(rows, first, new Batched(its.tokens(), its.parents(), its.count()));
            first += its.count();
          }
          assertEquals(count, first);
        }
        for (int place = 0; place < PLACES; place++) {
          if (running[place] != null && running[place].decoder.stopReason() != null) {
            done.add(running[place]);
            running[place] = null;
          }
        }
      }
    }
    assertTrue(done.stream().mapToInt(growing -> growing.tokens.size()).sum() > steps + 20);
    try (DecodeRun alone =
        new DecodeRun(DecodeRun.fixture(model), Machine.best(1), format, CONTEXT)) {
      for (Growing found : done) {
        alone.poison();
        DecodeRun.Trace plain =
            alone.generate(prompts.get(found.number), options, ENDS, h -> new PlainPlanner());
        DecodeRun.Trace batched =
            new DecodeRun.Trace(
                found.tokens.stream().mapToInt(Integer::intValue).toArray(),
                found.logits.toArray(float[][]::new),
                found.decoder.stopReason(),
                found.decoder.statistics(found.tokens.size(), 0));
        DecoderIdentityTest.assertSame(plain, batched, decoding + ", prompt " + found.number);
      }
    }
  }

  /** However many share a pass, it has no more rows than logits. */
  @ParameterizedTest
  @ValueSource(ints = {2, BatchDecoder.MOST_PLACES})
  void treesShareTheRowsOfAPass(int count) throws IOException {
    try (Places places = new Places("llama2", DType.F16, count)) {
      BatchDecoder batch = places.decoder(options(9, Decoding.PAPER, false));
      for (int place = 0; place < count; place++) {
        batch.start(place, IntStream.range(10, 110).toArray());
      }
      batch.step();
      int rows = places.work.batch().rows();
      assertTrue(rows <= Workspace.MAX_LOGITS, rows + " rows");
      assertTrue(rows > Workspace.MAX_LOGITS / 2, rows + " rows");
    }
  }

  @Test
  void aPromptThatIsTooLongLeavesThePlaceEmpty() throws IOException {
    try (Places places = new Places("llama2", DType.F16, 2)) {
      BatchDecoder batch = places.decoder(options(5, Decoding.PLAIN, false));
      int[] tooLong = new int[CONTEXT];
      Arrays.fill(tooLong, 20);
      assertThrows(ContextFullException.class, () -> batch.start(0, tooLong));
      batch.step(); // nothing to do
      Decoder decoder = batch.start(0, new int[] {20, 30});
      int tokens = decoder.stepCount();
      while (decoder.stopReason() == null) {
        batch.step();
        tokens += decoder.stepCount();
      }
      assertTrue(decoder.stopReason() != StopReason.MAX_TOKENS || tokens == 5);
    }
  }

  @Test
  void placesAreLimited() throws IOException {
    try (Places places = new Places("llama2", DType.F16, 1)) {
      for (int count : new int[] {0, BatchDecoder.MOST_PLACES + 1}) {
        List<KvCache> caches = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          caches.add(places.caches.getFirst());
        }
        IllegalArgumentException refused =
            assertThrows(
                IllegalArgumentException.class,
                () ->
                    new BatchDecoder(
                        places.runner,
                        caches,
                        GenerationOptions.defaults(),
                        places.memory,
                        ENDS,
                        CONTEXT));
        assertTrue(refused.getMessage().startsWith(count + " generations"));
      }
    }
  }
}
