package dev.jangle.format;

import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * Sizes and constants of a LLaMA-family model. Immutable and thread-safe.
 *
 * @param architecture one of {@link #ARCHITECTURES}; GGUF calls Mistral models {@code llama} too
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width of the MLP
 * @param layers number of transformer blocks
 * @param heads query heads
 * @param kvHeads key and value heads, a divisor of {@code heads}, each shared by at most 64
 * @param headDim width of a head, even, at most 256; {@code heads * headDim} may differ from {@code
 *     hiddenSize}
 * @param vocabSize rows of the embedding
 * @param contextLength positions that the model was made for
 * @param rmsNormEps what RMSNorm adds to the mean of the squares
 * @param ropeTheta base of the rotary embedding
 * @param ropeScaling how the rotary frequencies are scaled
 * @param tiedEmbeddings whether the LM head is the embedding
 * @param qkvBias whether q_proj, k_proj and v_proj have biases
 * @param qkNorm whether each query and key head passes an RMSNorm (q_norm, k_norm) before RoPE
 * @param bosTokenId what a text begins with, if anything
 * @param eosTokenIds tokens that end a text or a turn, ascending; may be empty
 */
public record ModelConfig(
    String architecture,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int vocabSize,
    int contextLength,
    float rmsNormEps,
    double ropeTheta,
    RopeScaling ropeScaling,
    boolean tiedEmbeddings,
    boolean qkvBias,
    boolean qkNorm,
    OptionalInt bosTokenId,
    Set<Integer> eosTokenIds) {

  /** What Jangle computes. */
  public static final List<String> ARCHITECTURES = List.of("llama", "mistral", "qwen2", "qwen3");

  /** What {@code jg_attention} takes. */
  private static final int MOST_HEAD_DIM = 256;

  private static final int MOST_SHARING = 64;

  /**
   * Checks every value against the others.
   *
   * @throws IllegalArgumentException naming the value that is out of range
   */
  public ModelConfig {
    if (!ARCHITECTURES.contains(architecture)) {
      throw new IllegalArgumentException(
          "architecture " + architecture + " is not supported; supported: " + ARCHITECTURES);
    }
    range("hiddenSize", hiddenSize, 1, 1 << 17);
    range("intermediateSize", intermediateSize, 1, 1 << 20);
    range("layers", layers, 1, 1 << 12);
    range("heads", heads, 1, 1 << 12);
    range("kvHeads", kvHeads, 1, heads);
    range("headDim", headDim, 2, MOST_HEAD_DIM);
    range("vocabSize", vocabSize, 1, 1 << 24);
    range("contextLength", contextLength, 1, 1 << 28);
    if (heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "heads " + heads + " is not a multiple of kvHeads " + kvHeads);
    }
    if (heads / kvHeads > MOST_SHARING) {
      throw new IllegalArgumentException(
          "heads " + heads + " is more than " + MOST_SHARING + " times kvHeads " + kvHeads);
    }
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException("headDim " + headDim + " is odd, RoPE rotates pairs");
    }
    if (!(rmsNormEps > 0 && rmsNormEps < 1)) {
      throw new IllegalArgumentException(
          "rmsNormEps " + rmsNormEps + " is not between 0 and 1, both excluded");
    }
    if (!(ropeTheta > 1 && ropeTheta < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("ropeTheta " + ropeTheta + " is not above 1 and finite");
    }
    if (ropeScaling instanceof RopeScaling.Factors factors
        && factors.divisors().length != headDim / 2) {
      throw new IllegalArgumentException(
          "ropeScaling has "
              + factors.divisors().length
              + " divisors, expected headDim / 2 = "
              + headDim / 2);
    }
    bosTokenId.ifPresent(id -> range("bosTokenId", id, 0, vocabSize - 1));
    eosTokenIds = Collections.unmodifiableSortedSet(new TreeSet<>(eosTokenIds));
    for (int id : eosTokenIds) {
      range("eosTokenIds", id, 0, vocabSize - 1);
    }
  }

  private static void range(String name, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected " + low + " to " + high);
    }
  }
}
