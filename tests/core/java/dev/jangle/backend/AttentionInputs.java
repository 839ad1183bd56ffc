package dev.jangle.backend;

import dev.jangle.format.DType;

/**
 * Attention over a tree: the rows' queries, and the keys and values of all slots, the committed
 * ones first. What is not a slot of the tree is NaN in the cache.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record AttentionInputs(
    Tree tree, int heads, int kvHeads, int headDim, float[][] q, float[][] k, float[][] v) {

  static AttentionInputs normal(long seed, Tree tree, int heads, int kvHeads, int headDim) {
    int slots = tree.committed() + tree.rows();
    return new AttentionInputs(
        tree,
        heads,
        kvHeads,
        headDim,
        TestData.normals(seed, tree.rows(), heads * headDim),
        TestData.normals(seed + 1, slots, kvHeads * headDim),
        TestData.normals(seed + 2, slots, kvHeads * headDim));
  }

  float scale() {
    return (float) (1 / Math.sqrt(headDim));
  }

  /** A cache with the committed positions, at pages of this table. */
  KvLayer cache(Device device, DType dtype, int[] pages) {
    KvLayer layer = device.layer(dtype, pages.length, kvHeads, headDim);
    if (tree.committed() > 0) {
      append(device, layer, pages, Tree.chain(tree.committed(), 0), k, v, 0);
    }
    return layer;
  }

  /** Appends rows {@code first} on of keys and values as the tree's rows. */
  static void append(
      Device device, KvLayer layer, int[] pages, Tree rows, float[][] k, float[][] v, int first) {
    try (Batch batch = device.kernels.newBatch(rows.rows(), pages.length)) {
      batch.set(new int[rows.rows()], rows.parents(), 0, rows.rows(), rows.committed(), pages);
      Matrix keys = device.input(k).rowsFrom(first, rows.rows());
      Matrix values = device.input(v).rowsFrom(first, rows.rows());
      device.kernels.kvAppend(batch, layer, keys, values);
    }
  }

  /** Appends the tree's rows and attends. */
  float[][] attend(Device device, KvLayer layer, int[] pages) {
    append(device, layer, pages, tree, k, v, tree.committed());
    Batch batch = device.batch(new int[tree.rows()], tree, pages);
    Matrix out = device.output(tree.rows(), heads * headDim);
    device.kernels.attention(
        batch,
        layer,
        heads,
        scale(),
        device.input(q),
        out,
        device.attentionScratch(heads, headDim, q.length, pages.length));
    return device.read(out);
  }
}
