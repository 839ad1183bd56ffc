package dev.jangle.train;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.TrainingProducts;
import dev.jangle.backend.TrainingRows;
import dev.jangle.format.ModelConfig;

/**
 * The forward and backward pass of a layer over the rows of a packed batch; the same model as
 * {@link dev.jangle.model.Transformer}, on plain float32 weights. Holds the buffers that all layers
 * use in turn.
 */
final class TrainingLayer {
  private final ModelConfig config;
  private final Kernels kernels;
  private final TrainingProducts products;
  private final TrainingRows rowWork;
  private final BatchRows batch;
  private final Matrix ropeTable;
  private final DeviceBuffer scratch;
  private final TrainingLinear linear;
  private final Matrix ones;
  private final long queries;
  private final long keys;
  private final long inner;
  private final float scale;
  private final Matrix dhidden;
  private final Matrix dqkv;
  private final Matrix drawQk;
  private final Matrix dattended;
  private final Matrix dactivated;

  /**
   * Takes its buffers.
   *
   * @param ropeTable [positions][headDim]
   * @param ones [rows][1], all 1
   * @param linear runs the linear layers
   */
  TrainingLayer(
      DeviceMemory memory,
      ModelConfig config,
      Kernels kernels,
      TrainingProducts products,
      BatchRows batch,
      Matrix ropeTable,
      Matrix ones,
      TrainingLinear linear,
      DeviceBuffer scratch) {
    this.config = config;
    this.kernels = kernels;
    this.products = products;
    this.rowWork = kernels.trainingRows();
    this.batch = batch;
    this.ropeTable = ropeTable;
    this.ones = ones;
    this.linear = linear;
    this.scratch = scratch;
    queries = (long) config.heads() * config.headDim();
    keys = (long) config.kvHeads() * config.headDim();
    inner = config.intermediateSize();
    scale = (float) (1 / Math.sqrt(config.headDim()));
    long rows = ones.rows();
    dhidden = memory.matrix(rows, config.hiddenSize());
    dqkv = memory.matrix(rows, queries + 2 * keys);
    drawQk = config.qkNorm() ? memory.matrix(rows, queries + keys) : null;
    dattended = memory.matrix(rows, queries);
    dactivated = memory.matrix(rows, inner);
  }

  /**
   * Scratch that the largest operation of a layer needs.
   *
   * @param lora null without adapters
   */
  static long scratchBytes(
      Kernels kernels, TrainingProducts products, ModelConfig config, long rows, LoraOptions lora) {
    TrainingRows rowWork = kernels.trainingRows();
    long hidden = config.hiddenSize();
    long inner = config.intermediateSize();
    int headDim = config.headDim();
    long queries = (long) config.heads() * headDim;
    long keys = (long) config.kvHeads() * headDim;
    long[] needs = {
      TrainingLinear.scratchBytes(products, rows, lora, hidden, queries, keys, keys),
      TrainingLinear.scratchBytes(products, rows, lora, queries, hidden),
      TrainingLinear.scratchBytes(products, rows, lora, hidden, inner, inner),
      TrainingLinear.scratchBytes(products, rows, lora, inner, hidden),
      TrainingLinear.scratchBytes(products, rows, null, 1, queries + 2 * keys), // the biases
      products.attentionForwardScratchBytes(rows, config.heads(), config.kvHeads(), headDim),
      products.attentionBackwardScratchBytes(rows, config.heads(), config.kvHeads(), headDim),
      rowWork.rmsnormBackwardScratchBytes(rows, 1, hidden),
      rowWork.rmsnormBackwardScratchBytes(rows, config.heads(), headDim),
      rowWork.rmsnormBackwardScratchBytes(rows, config.kvHeads(), headDim)
    };
    long most = 0;
    for (long need : needs) {
      most = Math.max(most, need);
    }
    return most;
  }

  /** From the layer's input to its output, both [rows][hidden]. */
  void forward(LayerParameters weights, Matrix input, LayerActivations acts, Matrix output) {
    float eps = config.rmsNormEps();
    Matrix qkv = acts.qkv();
    Matrix q = qkv.columns(0, queries);
    Matrix k = qkv.columns(queries, keys);
    Matrix v = qkv.columns(queries + keys, keys);
    kernels.rmsnorm(input, 1, weights.inputNorm(), eps, acts.normed());
    linear.forward(weights.qkv(), acts.normed(), false, qkv);
    if (weights.qkvBias() != null) {
      products.gemm(1, false, used(ones), false, weights.qkvBias(), true, qkv, scratch);
    }
    if (weights.queryNorm() != null) {
      copy(qkv.columns(0, queries + keys), acts.rawQk());
      kernels.rmsnorm(q, config.heads(), weights.queryNorm(), eps, q);
      kernels.rmsnorm(k, config.kvHeads(), weights.keyNorm(), eps, k);
    }
    rotate(qkv, false);
    products.attentionForward(
        batch.starts,
        batch.gaps(),
        config.headDim(),
        scale,
        q,
        k,
        v,
        acts.attended(),
        acts.lse(),
        scratch);
    copy(input, acts.middle());
    linear.forward(weights.output(), acts.attended(), true, acts.middle());
    kernels.rmsnorm(acts.middle(), 1, weights.postNorm(), eps, acts.postNormed());
    linear.forward(weights.gateUp(), acts.postNormed(), false, acts.gateUp());
    kernels.swiglu(
        acts.gateUp().columns(0, inner), acts.gateUp().columns(inner, inner), acts.activated());
    copy(acts.middle(), output);
    linear.forward(weights.down(), acts.activated(), true, output);
  }

  /**
   * From the gradient of the layer's output to that of its input, in place; adds to the gradients
   * of the weights. Overwrites activations that it has used.
   */
  void backward(
      LayerParameters weights,
      LayerParameters gradients,
      Matrix input,
      LayerActivations acts,
      Matrix gradient) {
    Matrix gate = acts.gateUp().columns(0, inner);
    Matrix up = acts.gateUp().columns(inner, inner);
    linear.backward(weights.down(), gradients.down(), acts.activated(), gradient, used(dactivated));
    rowWork.swigluBackward(gate, up, used(dactivated), gate, up);
    linear.backward(
        weights.gateUp(), gradients.gateUp(), acts.postNormed(), acts.gateUp(), used(dhidden));
    normGradient(acts.middle(), weights.postNorm(), gradients.postNorm(), gradient);

    linear.backward(
        weights.output(), gradients.output(), acts.attended(), gradient, used(dattended));
    attentionBackward(acts);
    rotate(used(dqkv), true);
    if (weights.queryNorm() != null) {
      headNorms(weights, gradients, acts);
    }
    if (gradients.qkvBias() != null) {
      Matrix row = gradients.qkvBias();
      Matrix column = new Matrix(row.buffer(), row.offset(), row.cols(), 1, 1);
      products.gemm(1, true, used(dqkv), false, used(ones), true, column, scratch);
    }
    linear.backward(weights.qkv(), gradients.qkv(), acts.normed(), used(dqkv), used(dhidden));
    normGradient(input, weights.inputNorm(), gradients.inputNorm(), gradient);
  }

  private void attentionBackward(LayerActivations acts) {
    Matrix qkv = acts.qkv();
    products.attentionBackward(
        batch.starts,
        batch.gaps(),
        config.headDim(),
        scale,
        qkv.columns(0, queries),
        qkv.columns(queries, keys),
        qkv.columns(queries + keys, keys),
        acts.attended(),
        acts.lse(),
        used(dattended),
        used(dqkv).columns(0, queries),
        used(dqkv).columns(queries, keys),
        used(dqkv).columns(queries + keys, keys),
        scratch);
  }

  private void headNorms(
      LayerParameters weights, LayerParameters gradients, LayerActivations acts) {
    float eps = config.rmsNormEps();
    rowWork.rmsnormBackward(
        acts.rawQk().columns(0, queries),
        config.heads(),
        weights.queryNorm(),
        eps,
        used(dqkv).columns(0, queries),
        false,
        used(drawQk).columns(0, queries),
        gradients.queryNorm(),
        scratch);
    rowWork.rmsnormBackward(
        acts.rawQk().columns(queries, keys),
        config.kvHeads(),
        weights.keyNorm(),
        eps,
        used(dqkv).columns(queries, keys),
        false,
        used(drawQk).columns(queries, keys),
        gradients.keyNorm(),
        scratch);
    copy(used(drawQk), used(dqkv).columns(0, queries + keys));
  }

  /** Adds what comes through a norm, from {@code dhidden}, to the gradient of the norm's input. */
  private void normGradient(Matrix x, Matrix weight, Matrix dweight, Matrix gradient) {
    rowWork.rmsnormBackward(
        x, 1, weight, config.rmsNormEps(), used(dhidden), true, gradient, dweight, scratch);
  }

  /** Query and key heads stand side by side, so one call turns both. */
  private void rotate(Matrix qkv, boolean inverse) {
    Matrix qk = qkv.columns(0, queries + keys);
    rowWork.ropeRows(batch.positions, config.headDim(), ropeTable, inverse, qk);
  }

  /** Of a buffer for all rows. */
  private Matrix used(Matrix buffer) {
    return buffer.top(batch.used());
  }

  private void copy(Matrix from, Matrix to) {
    rowWork.gatherRows(batch.ascending, from, to);
  }
}
