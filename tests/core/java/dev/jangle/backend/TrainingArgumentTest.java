package dev.jangle.backend;

import dev.jangle.ffi.NativeException;
import dev.jangle.format.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A wrong argument of training is an exception that names it, and never reaches foreign memory. */
class TrainingArgumentTest {
  private static final Class<IllegalArgumentException> SHAPE = IllegalArgumentException.class;
  private static final Class<IndexOutOfBoundsException> BOUNDS = IndexOutOfBoundsException.class;
  private static final Class<NativeException> NATIVE = NativeException.class;

  private final Device device = new Device(Machine.best(1));
  private final TrainingProducts products = device.kernels.trainingProducts(DType.F32);
  private final TrainingRows rows = device.kernels.trainingRows();
  private final DeviceBuffer ids = device.ones(12);
  private final DeviceBuffer scratch = device.ones(1 << 22);

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  void gemm() {
    Matrix a = device.output(3, 4);
    Matrix b = device.output(4, 5);
    Matrix c = device.output(3, 5);
    Refusal.of(
        SHAPE, () -> products.gemm(1, true, a, false, b, false, c, scratch), "rows of c", "4");
    Refusal.of(SHAPE, () -> products.gemm(1, false, a, true, b, false, c, scratch), "columns of c");
    Refusal.of(
        SHAPE,
        () -> products.gemm(1, false, a, false, b.top(3), false, c, scratch),
        "inner size of b",
        "found 3, expected 4");
    Refusal.of(NATIVE, () -> products.gemm(1, false, a, false, b, false, c, null), "scratch");
    DeviceBuffer small = device.ones(products.gemmScratchBytes(3, 5, 4) - 1);
    Refusal.of(NATIVE, () -> products.gemm(1, false, a, false, b, false, c, small), "scratch");
    Refusal.of(NATIVE, () -> products.gemmScratchBytes(3, 0, 4), "3 x 4 by 4 x 0");
  }

  @Test
  void formatOfProducts() {
    Refusal.of(SHAPE, () -> device.kernels.trainingProducts(DType.Q8_0), "F32 or BF16", "Q8_0");
    if (Machine.kind() == BackendKind.CPU) {
      TrainingProducts rounded = device.kernels.trainingProducts(DType.BF16);
      Refusal.of(NATIVE, () -> rounded.gemmScratchBytes(3, 5, 4), "the CPU has no products of");
    }
  }

  @Test
  void attention() {
    Matrix q = device.output(3, 16);
    Matrix k = device.output(3, 8);
    Matrix lse = Matrix.of(device.ones(3 * 4 * 4), 3, 4);
    DeviceBuffer two = device.ones(8);
    Refusal.of(
        SHAPE,
        () -> products.attentionForward(ids, null, 3, 1, q, k, k, q, lse, scratch),
        "queries of whole heads");
    Refusal.of(
        SHAPE,
        () -> products.attentionForward(ids, null, 0, 1, q, k, k, q, lse, scratch),
        "heads of 0");
    Refusal.of(
        SHAPE,
        () -> products.attentionForward(ids, null, 4, 1, q, k, k.top(2), q, lse, scratch),
        "values: rows");
    Refusal.of(
        SHAPE,
        () -> products.attentionForward(ids, null, 4, 1, q, k, k, k, lse, scratch),
        "outputs");
    Refusal.of(
        SHAPE,
        () -> products.attentionForward(ids, null, 8, 1, q, k, k, q, lse, scratch),
        "columns of lse",
        "found 4, expected 2");
    Refusal.of(
        BOUNDS,
        () -> products.attentionForward(two, null, 4, 1, q, k, k, q, lse, scratch),
        "12",
        "8");
    Refusal.of(
        SHAPE,
        () ->
            products.attentionBackward(
                ids, null, 4, 1, q, k, k, q, lse, q, q, k, k.columns(0, 4), scratch),
        "dv: columns");
    Matrix dense = Matrix.of(device.ones(3 * 8 * 4), 3, 8);
    Refusal.of(
        SHAPE,
        () -> products.attentionBackward(ids, null, 4, 1, q, k, k, q, lse, q, q, dense, k, scratch),
        "dk: row distance");
    Refusal.of(NATIVE, () -> products.attentionForwardScratchBytes(3, 3, 2, 8), "3 heads on 2");
    Refusal.of(NATIVE, () -> products.attentionBackwardScratchBytes(3, 4, 2, 0), "of 0");
  }

  @Test
  void headsThatAGpuDoesNotTake() {
    Matrix x = device.output(1, 257);
    Matrix out = device.output(1, 257);
    Matrix lse = Matrix.of(device.ones(4), 1, 1);
    if (Machine.kind() == BackendKind.CPU) {
      products.attentionForward(ids, null, 257, 1, x, x, x, out, lse, scratch);
      return;
    }
    Refusal.of(
        NATIVE,
        () -> products.attentionForward(ids, null, 257, 1, x, x, x, out, lse, scratch),
        "head_dim 257");
  }

  @Test
  void embedding() {
    Matrix out = device.output(3, 5);
    Matrix table = device.output(7, 5);
    DeviceBuffer two = device.ones(8);
    Refusal.of(SHAPE, () -> rows.gatherRows(ids, table.columns(0, 4), out), "columns");
    Refusal.of(BOUNDS, () -> rows.gatherRows(two, table, out), "12", "8");
    Refusal.of(SHAPE, () -> rows.embedBackward(ids, ids, out, table.columns(0, 4)), "columns");
    Refusal.of(BOUNDS, () -> rows.embedBackward(ids, two, out, table), "12", "8");
  }

  @Test
  void rmsnormAndRopeAndSwiglu() {
    Matrix x = device.output(3, 12);
    Matrix weight = device.output(1, 4);
    Refusal.of(
        SHAPE,
        () -> rows.rmsnormBackward(x, 2, weight, 1, x, false, x, null, scratch),
        "groups of the weight");
    Refusal.of(
        SHAPE,
        () -> rows.rmsnormBackward(x, 3, weight, 1, x.top(2), false, x, null, scratch),
        "dy: rows");
    Refusal.of(
        SHAPE,
        () -> rows.rmsnormBackward(x, 3, weight, 1, x, false, x, weight.columns(0, 3), scratch),
        "dweight: columns");
    Matrix table = Matrix.of(device.ones(4 * 6 * 4), 4, 6);
    DeviceBuffer two = device.ones(8);
    Refusal.of(SHAPE, () -> rows.ropeRows(ids, 4, table, false, x), "table");
    Refusal.of(SHAPE, () -> rows.ropeRows(ids, 6, table, false, x.columns(0, 9)), "whole heads");
    Refusal.of(BOUNDS, () -> rows.ropeRows(two, 6, table, false, x), "12", "8");
    Matrix dense = Matrix.of(device.ones(3 * 12 * 4), 3, 12);
    Refusal.of(SHAPE, () -> rows.swigluBackward(x, dense, x, x, x), "row distance of up");
    Refusal.of(SHAPE, () -> rows.swigluBackward(x, x, x, x, dense), "row distance of dup");
    Refusal.of(SHAPE, () -> rows.swigluBackward(x, x, x.top(2), x, x), "dout: rows");
  }

  @Test
  void lossAndOptimizer() {
    Matrix logits = device.output(3, 12);
    DeviceBuffer losses = device.ones(24);
    Refusal.of(BOUNDS, () -> rows.crossEntropy(logits, 1, ids, ids, losses), "4 to 16", "12");
    Refusal.of(BOUNDS, () -> rows.crossEntropy(logits, -1, ids, ids, losses), "-4");
    Refusal.of(BOUNDS, () -> rows.crossEntropy(logits, 0, ids, ids, ids), "24", "12");
    Refusal.of(
        ArithmeticException.class,
        () -> rows.crossEntropy(logits, 1L << 62, ids, ids, losses),
        "overflow");
    Matrix dense = Matrix.of(device.ones(3 * 12 * 4), 3, 12);
    Refusal.of(SHAPE, () -> rows.sumSquares(logits, losses, 0, scratch), "row distance");
    Refusal.of(BOUNDS, () -> rows.sumSquares(dense, losses, 3, scratch), "24 to 32");
    Refusal.of(
        SHAPE,
        () -> rows.adamw(dense, dense, dense.top(2), dense, 1, 0.9, 0.9, 1, 0, 1, 1),
        "adamw: m",
        "found 24, expected 36");
    Refusal.of(
        NATIVE, () -> rows.adamw(dense, dense, dense, dense, 1, 0.9, 0.9, 1, 0, 1, 0), "step 0");
    DeviceBuffer buffer = device.ones(8);
    Refusal.of(BOUNDS, () -> rows.zero(buffer, 4, 8), "4 to 12");
  }
}
