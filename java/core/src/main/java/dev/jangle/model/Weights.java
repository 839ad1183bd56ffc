package dev.jangle.model;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;

/**
 * The weights of a model in device memory. Immutable, shared by all sessions.
 *
 * @param embedding [vocab][hidden]
 * @param head [vocab][hidden]; the embedding's own weight where they are tied
 * @param ropeTable [positions][headDim]: cosines, then sines
 */
@SuppressWarnings("ArrayRecordComponent") // never handed out
record Weights(
    PackedWeight embedding,
    Layer[] layers,
    DeviceBuffer norm,
    Linear head,
    boolean tied,
    Matrix ropeTable)
    implements AutoCloseable {

  /**
   * One layer.
   *
   * @param qkv [(heads + 2 kvHeads) * headDim][hidden]
   * @param queryNorm headDim elements, or null
   * @param keyNorm headDim elements, or null
   * @param output [hidden][heads * headDim]
   * @param gateUp [2 * intermediate][hidden]
   * @param down [hidden][intermediate]
   */
  record Layer(
      DeviceBuffer inputNorm,
      Linear qkv,
      DeviceBuffer queryNorm,
      DeviceBuffer keyNorm,
      Linear output,
      DeviceBuffer postNorm,
      Linear gateUp,
      Linear down)
      implements AutoCloseable {
    @Override
    public void close() {
      inputNorm.close();
      qkv.close();
      if (queryNorm != null) {
        queryNorm.close();
        keyNorm.close();
      }
      output.close();
      postNorm.close();
      gateUp.close();
      down.close();
    }
  }

  @Override
  public void close() {
    for (Layer layer : layers) {
      layer.close();
    }
    norm.close();
    if (!tied) {
      head.close();
    }
    embedding.close();
    ropeTable.buffer().close();
  }
}
