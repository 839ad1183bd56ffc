package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenTreeTest {
  @Test
  void startsWithTheRoot() {
    TokenTree tree = new TokenTree();
    tree.reset(7);
    assertEquals(1, tree.size());
    assertEquals(7, tree.token[0]);
    assertEquals(-1, tree.parent[0]);
    assertEquals(0, tree.depth[0]);
    assertEquals(DraftKind.NONE, tree.source[0]);
    assertEquals(-1, tree.child(0, 7));
  }

  @Test
  void equalPrefixesAreOneNode() {
    TokenTree tree = new TokenTree();
    tree.reset(7);
    int a = tree.add(0, 1, DraftKind.JACOBI);
    int b = tree.add(a, 1, DraftKind.JACOBI);
    assertEquals(a, tree.add(0, 1, DraftKind.RETRIEVAL));
    assertEquals(DraftKind.JACOBI, tree.source[a], "the first to propose it keeps it");
    int c = tree.add(a, 2, DraftKind.RETRIEVAL);
    assertEquals(b, tree.add(a, 1, DraftKind.RETRIEVAL));
    assertEquals(4, tree.size());
    assertEquals(c, tree.child(a, 2));
    assertEquals(-1, tree.child(b, 2));
    assertEquals(2, tree.depth[c]);
  }

  @Test
  void aFullTreeTakesNoMore() {
    TokenTree tree = new TokenTree();
    tree.reset(0);
    for (int i = 1; i < TokenTree.MAX_NODES; i++) {
      assertEquals(i, tree.add(0, i, DraftKind.JACOBI));
    }
    assertEquals(-1, tree.add(0, 1000, DraftKind.JACOBI));
    assertEquals(-1, tree.add(5, 1, DraftKind.JACOBI));
    assertEquals(17, tree.add(0, 17, DraftKind.JACOBI), "a node that is there is found");
    assertEquals(TokenTree.MAX_NODES, tree.size());
  }

  @Test
  void aResetForgetsAll() {
    TokenTree tree = Steps.tree(1, new int[] {0, 2}, new int[] {1, 3});
    tree.reset(9);
    assertEquals(1, tree.size());
    assertEquals(-1, tree.child(0, 2));
    assertEquals(1, tree.add(0, 4, DraftKind.JACOBI));
    assertEquals(-1, tree.child(1, 3));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void isATrie(long seed) {
    Random random = new Random(seed);
    TokenTree tree = new TokenTree();
    for (int round = 0; round < 50; round++) {
      tree.reset(random.nextInt(4));
      Map<List<Integer>, Integer> nodes = new HashMap<>();
      nodes.put(List.of(), 0);
      List<List<Integer>> paths = new ArrayList<>(List.of(List.of()));
      for (int i = 0; i < 2 * TokenTree.MAX_NODES; i++) {
        int parent = random.nextInt(tree.size());
        int token = random.nextInt(4);
        List<Integer> path = new ArrayList<>(paths.get(parent));
        path.add(token);
        int found = tree.add(parent, token, DraftKind.RECYCLING);
        if (nodes.containsKey(path)) {
          assertEquals(nodes.get(path), found);
        } else if (paths.size() < TokenTree.MAX_NODES) {
          assertEquals(paths.size(), found);
          nodes.put(path, found);
          paths.add(path);
        } else {
          assertEquals(-1, found);
        }
      }
      check(tree, nodes, paths);
      int kept = 1 + random.nextInt(tree.size());
      tree.cut(kept);
      paths.subList(kept, paths.size()).clear();
      nodes.values().removeIf(node -> node >= kept);
      check(tree, nodes, paths);
    }
  }

  private static void check(
      TokenTree tree, Map<List<Integer>, Integer> nodes, List<List<Integer>> paths) {
    assertEquals(paths.size(), tree.size());
    for (int node = 0; node < tree.size(); node++) {
      List<Integer> path = paths.get(node);
      assertTrue(tree.parent[node] < node);
      assertEquals(path.size(), tree.depth[node]);
      assertArrayEquals(
          path.stream().mapToInt(Integer::intValue).toArray(), Steps.path(tree, node));
      for (int token = 0; token < 4; token++) {
        List<Integer> child = new ArrayList<>(path);
        child.add(token);
        assertEquals(nodes.getOrDefault(child, -1), tree.child(node, token));
      }
    }
  }

  @Test
  void aCutTreeGrowsAgain() {
    TokenTree tree = Steps.tree(0, new int[] {0, 1}, new int[] {1, 2}, new int[] {2, 3});
    tree.cut(2);
    assertEquals(-1, tree.child(1, 2));
    assertEquals(2, tree.add(1, 5, DraftKind.JACOBI));
    assertEquals(3, tree.add(2, 3, DraftKind.JACOBI));
    assertEquals(-1, tree.child(1, 2));
    tree.cut(100);
    assertEquals(4, tree.size());
  }
}
