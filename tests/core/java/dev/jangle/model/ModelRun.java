package dev.jangle.model;

import dev.jangle.backend.Backend;
import dev.jangle.backend.KvLayer;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import java.io.IOException;
import java.nio.file.Path;

/** A loaded model with one sequence. */
final class ModelRun implements AutoCloseable {
  private final Transformer transformer;
  private final Workspace work;
  private final KvPool pool;
  private KvCache cache;

  ModelRun(Path checkpoint, Backend backend, DType cacheFormat, int positions) throws IOException {
    try (Checkpoint file = Checkpoint.open(checkpoint)) {
      transformer = Transformer.load(file, backend, positions, (done, total) -> {});
    }
    work = transformer.newWorkspace();
    int pages = (positions + KvLayer.PAGE - 1) / KvLayer.PAGE;
    pool = new KvPool(backend, transformer.config(), cacheFormat, pages);
    cache = new KvCache(pool, work.kernels());
  }

  /** Forgets all tokens. */
  void restart() {
    cache.truncate(0);
  }

  /** Appends tokens in one pass; returns the logits of the last {@code count} of them. */
  float[][] append(int count, int... tokens) {
    int[] parents = new int[tokens.length];
    for (int i = 0; i < parents.length; i++) {
      parents[i] = i - 1;
    }
    cache.reserve(tokens.length);
    work.batch().set(tokens, parents, 0, tokens.length, cache.length(), cache.pages());
    transformer.forward(work, cache);
    cache.commit(tokens.length);
    return work.kernels().download(transformer.logits(work, tokens.length - count, count));
  }

  /** Appends tokens, each in a pass of its own; returns the logits of all. */
  float[][] appendOneByOne(int... tokens) {
    float[][] logits = new float[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      logits[i] = append(1, tokens[i])[0];
    }
    return logits;
  }

  @Override
  public void close() {
    cache.close();
    work.close();
    transformer.close();
  }
}
