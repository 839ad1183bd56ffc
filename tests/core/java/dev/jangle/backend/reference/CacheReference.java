package dev.jangle.backend.reference;

/** Where things lie in a layer of the KV cache: pages of [2 = K, V][kvHeads][64][headDim]. */
public final class CacheReference {
  private CacheReference() {}

  /**
   * The index of the first element of a head's key or value.
   *
   * @param part 0 for the key, 1 for the value
   * @param slot of the sequence; its page is {@code pages[slot / 64]}
   */
  public static int element(int[] pages, int kvHeads, int headDim, int slot, int part, int head) {
    int page = pages[slot / 64];
    return (((page * 2 + part) * kvHeads + head) * 64 + slot % 64) * headDim;
  }
}
