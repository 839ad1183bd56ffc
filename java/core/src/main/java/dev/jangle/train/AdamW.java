package dev.jangle.train;

/**
 * Constants of the optimizer (Loshchilov and Hutter, "Decoupled weight decay regularization",
 * 2019), and the norm to which gradients are clipped.
 *
 * @param beta1 of the first moment, from 0 up to 1
 * @param beta2 of the second moment, from 0 up to 1
 * @param eps added to the root of the second moment
 * @param decay of matrices, times the rate; norms and biases do not decay
 * @param clip largest norm of all gradients together
 */
record AdamW(double beta1, double beta2, double eps, double decay, double clip) {
  AdamW {
    require("beta1", beta1, beta1 >= 0 && beta1 < 1, "from 0 up to, but not 1");
    require("beta2", beta2, beta2 >= 0 && beta2 < 1, "from 0 up to, but not 1");
    require("eps", eps, eps > 0 && Double.isFinite(eps), "above 0");
    require("the weight decay", decay, decay >= 0 && Double.isFinite(decay), "0 or above");
    require("the norm to clip at", clip, clip > 0, "above 0");
  }

  /** Usual for fine-tuning: 0.9, 0.95, 1e-8, no decay, norm 1. */
  static AdamW usual() {
    return new AdamW(0.9, 0.95, 1e-8, 0, 1);
  }

  private static void require(String name, double value, boolean right, String expected) {
    if (!right) {
      throw new IllegalArgumentException(
          "%s is %s; expected a number %s".formatted(name, value, expected));
    }
  }
}
