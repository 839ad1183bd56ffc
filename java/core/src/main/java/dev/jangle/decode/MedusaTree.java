package dev.jangle.decode;

/**
 * The 63 nodes of Medusa's tree for 7B models (arXiv 2401.10774), each as the ranks on its path:
 * 10, 28, 23 and 2 nodes at depths 1 to 4.
 */
final class MedusaTree {
  private static final String RANKS =
      """
      0 00 1 01 2 000 10 02 3 03 4 04 20 05 001 5 06 6 07 010 11 7 08 002 30 09 8 9 100 020 12 003
      40 21 004 005 0000 011 006 030 50 13 007 008 009 60 040 14 70 012 200 31 22 80 050 15 101 021
      90 060 0001 16 070
      """;

  private MedusaTree() {}

  /** Paths of ranks; a path's own beginning is a path, too. */
  static int[][] paths() {
    return RANKS
        .strip()
        .lines()
        .flatMap(line -> java.util.Arrays.stream(line.strip().split(" ")))
        .map(path -> path.chars().map(digit -> digit - '0').toArray())
        .sorted(java.util.Comparator.comparingInt(path -> path.length))
        .toArray(int[][]::new);
  }
}
