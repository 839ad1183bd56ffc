package dev.jangle.model;

import dev.jangle.LoadProgress;
import dev.jangle.backend.Backend;
import dev.jangle.backend.Batch;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Matrix;
import dev.jangle.cache.KvCache;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.ModelConfig;

/**
 * The forward pass of LLaMA 2 and 3, SmolLM2, Mistral, TinyLlama, Qwen2 and Qwen3: pre-norm layers
 * of grouped-query attention with rotary positions and a SwiGLU feed-forward; Qwen2 adds biases to
 * query, key and value, Qwen3 normalises query and key per head. Thread-safe: what a pass changes
 * lies in its workspace and cache.
 */
public final class Transformer implements AutoCloseable {
  private final ModelConfig config;
  private final Backend backend;
  private final Weights weights;
  private final int positions;
  private final float scale;

  private Transformer(Backend backend, ModelConfig config, Weights weights, int positions) {
    this.backend = backend;
    this.config = config;
    this.weights = weights;
    this.positions = positions;
    this.scale = (float) (1 / Math.sqrt(config.headDim()));
  }

  /**
   * Packs a checkpoint's weights for a backend.
   *
   * @param positions the most positions of a sequence, drafts included
   */
  public static Transformer load(
      Checkpoint checkpoint, Backend backend, int positions, LoadProgress progress) {
    try (Kernels kernels = backend.newKernels()) {
      Weights weights = new WeightLoader(checkpoint, kernels, progress).load(positions);
      return new Transformer(backend, checkpoint.config(), weights, positions);
    }
  }

  public ModelConfig config() {
    return config;
  }

  /** The most positions of a sequence, drafts included. */
  public int positions() {
    return positions;
  }

  /** Buffers for one session's passes. */
  public Workspace newWorkspace() {
    return newWorkspace(1);
  }

  /** Buffers for passes over the rows of up to {@code sequences} sequences. */
  public Workspace newWorkspace(int sequences) {
    return new Workspace(backend, config, this, sequences, pages());
  }

  private int pages() {
    return (positions + KvLayer.PAGE - 1) / KvLayer.PAGE;
  }

  /** Scratch that the largest operation of a pass needs. */
  long scratchBytes(Kernels kernels) {
    long most =
        Math.max(
            weights.head().scratchBytes(kernels, Workspace.MAX_LOGITS),
            kernels.attentionScratchBytes(
                config.heads(), config.headDim(), Workspace.MAX_ROWS, pages()));
    for (Weights.Layer layer : weights.layers()) {
      for (Linear linear :
          new Linear[] {layer.qkv(), layer.output(), layer.gateUp(), layer.down()}) {
        most = Math.max(most, linear.scratchBytes(kernels, Workspace.MAX_ROWS));
      }
    }
    return most;
  }

  /**
   * Runs the batch's rows through all layers, and writes their keys and values to the cache's slots
   * from its length on. Commits nothing.
   *
   * <p>On a GPU a layer is 11 kernels, where the operations one by one would be 15: the input
   * normalised and prepared, the product to query, key and value; rotation and the cache; two of
   * attention; its output prepared, the product that adds to the rows; again normalised and
   * prepared, the product to gate and up; these gated and prepared, the product that adds to the
   * rows. Matrices of one input in different formats, and norms of heads, add to it.
   *
   * @param cache the batch's sequence; of several sequences any, since all are of one pool
   */
  public void forward(Workspace work, KvCache cache) {
    Kernels kernels = work.kernels();
    Batch batch = work.batch();
    int rows = batch.rows();
    Matrix hidden = work.hidden.top(rows);
    kernels.embed(batch, weights.embedding(), hidden);
    for (int i = 0; i < config.layers(); i++) {
      Weights.Layer layer = weights.layers()[i];
      attention(work, layer, cache.layer(i), rows);
      feedForward(work, layer, rows);
    }
  }

  private void attention(Workspace work, Weights.Layer layer, KvLayer kv, int rows) {
    Kernels kernels = work.kernels();
    Batch batch = work.batch();
    int headDim = config.headDim();
    long queries = (long) config.heads() * headDim;
    long keys = (long) config.kvHeads() * headDim;
    Matrix hidden = work.hidden.top(rows);
    Matrix qkv = work.qkv.top(rows);
    Matrix q = qkv.columns(0, queries);
    Matrix k = qkv.columns(queries, keys);
    Matrix v = qkv.columns(queries + keys, keys);
    Matrix attended = work.attention.top(rows);
    layer
        .qkv()
        .applyToNormalised(
            kernels, hidden, layer.inputNorm(), config.rmsNormEps(), qkv, work.scratch);
    if (layer.queryNorm() != null) {
      kernels.rmsnorm(q, config.heads(), layer.queryNorm(), config.rmsNormEps(), q);
      kernels.rmsnorm(k, config.kvHeads(), layer.keyNorm(), config.rmsNormEps(), k);
    }
    kernels.fused().ropeAppend(batch, weights.ropeTable(), q, k, v, kv);
    kernels.attention(batch, kv, config.heads(), scale, q, attended, work.scratch);
    layer.output().add(kernels, attended, hidden, work.scratch);
  }

  private void feedForward(Workspace work, Weights.Layer layer, int rows) {
    Kernels kernels = work.kernels();
    int inner = config.intermediateSize();
    Matrix hidden = work.hidden.top(rows);
    Matrix gateUp = work.gateUp.top(rows);
    layer
        .gateUp()
        .applyToNormalised(
            kernels, hidden, layer.postNorm(), config.rmsNormEps(), gateUp, work.scratch);
    layer
        .down()
        .addGated(
            kernels, gateUp.columns(0, inner), gateUp.columns(inner, inner), hidden, work.scratch);
  }

  /**
   * Logits of rows {@code [first, first + count)} of the last pass.
   *
   * @return [count][vocab], valid until the next pass
   */
  public Matrix logits(Workspace work, int first, int count) {
    Matrix hidden = work.hidden.rowsFrom(first, count);
    Matrix logits = work.logits.top(count);
    weights
        .head()
        .applyToNormalised(
            work.kernels(), hidden, weights.norm(), config.rmsNormEps(), logits, work.scratch);
    return logits;
  }

  @Override
  public void close() {
    weights.close();
  }
}
