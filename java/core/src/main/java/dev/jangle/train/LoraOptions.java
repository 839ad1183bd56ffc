package dev.jangle.train;

/**
 * Low-rank adapters on every linear layer (Hu et al., "LoRA", 2022): {@code y = x W^T + alpha /
 * rank * (x A^T) B^T}, with W frozen and A and B trained. B begins at 0, so training begins at the
 * base model.
 *
 * @param rank columns of B and rows of A, for each matrix of the model
 * @param alpha weight of the adapters, times the rank
 */
public record LoraOptions(int rank, double alpha) {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException where one is out of range
   */
  public LoraOptions {
    if (rank < 1 || rank > 1024) {
      throw new IllegalArgumentException("the rank is " + rank + "; expected 1 to 1024");
    }
    if (!(alpha > 0) || Double.isInfinite(alpha)) {
      throw new IllegalArgumentException("alpha is " + alpha + "; expected a number above 0");
    }
  }

  /** What the product of A and B is multiplied by. */
  public double scale() {
    return alpha / rank;
  }
}
