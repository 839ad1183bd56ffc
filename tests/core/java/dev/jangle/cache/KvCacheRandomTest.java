package dev.jangle.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.KvLayer;
import dev.jangle.format.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several forks of one sequence under random changes, against lists of tags: what each holds, and
 * that the pages that none of them uses are the free ones.
 */
class KvCacheRandomTest {
  private static final int PAGES = 9;
  private static final int CHANGES = 300;
  private static final int MOST_CACHES = 4;

  private record Sequence(KvCache cache, List<Integer> tags) {}

  private final List<Sequence> sequences = new ArrayList<>();
  private int nextTag;
  private int refusals;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void behavesLikeLists(long seed) {
    Random random = new Random(seed);
    try (TaggedCaches caches = new TaggedCaches(seed % 2 == 0 ? DType.F16 : DType.F32, PAGES)) {
      sequences.add(new Sequence(caches.open(), new ArrayList<>()));
      for (int change = 0; change < CHANGES; change++) {
        change(caches, random);
        check(caches);
      }
      assertTrue(refusals > 0, "the pool was never full");
      while (sequences.size() > 1) {
        sequences.removeLast().cache.close();
      }
      sequences.getFirst().cache.truncate(0);
      assertEquals(PAGES, caches.free());
      sequences.getFirst().cache.close();
    }
  }

  private void change(TaggedCaches caches, Random random) {
    int index = random.nextInt(sequences.size());
    Sequence sequence = sequences.get(index);
    switch (random.nextInt(10)) {
      case 0 -> {
        int length = random.nextInt(sequence.tags.size() + 1);
        sequence.cache.truncate(length);
        sequence.tags.subList(length, sequence.tags.size()).clear();
      }
      case 1, 2 -> {
        if (sequences.size() < MOST_CACHES) {
          sequences.add(new Sequence(caches.fork(sequence.cache), new ArrayList<>(sequence.tags)));
        }
      }
      case 3 -> {
        if (sequences.size() > 1) {
          sequence.cache.close();
          sequences.remove(index);
        }
      }
      default -> grow(caches, sequence, random);
    }
  }

  /** A pass over a tree, or over a chain, of which a random path is committed. */
  private void grow(TaggedCaches caches, Sequence sequence, Random random) {
    int rows = 1 + random.nextInt(random.nextBoolean() ? 8 : 200);
    int[] tree = IntStream.range(0, rows).map(i -> 1 + nextTag++ % 2000).toArray();
    int free = caches.free();
    if (pagesMissing(sequence, rows) > free) {
      assertThrows(ContextFullException.class, () -> caches.write(sequence.cache, tree));
      assertEquals(free, caches.free());
      refusals++;
      return;
    }
    caches.write(sequence.cache, tree);
    boolean chain = rows > TaggedCaches.MOST_TREE;
    int[] path =
        IntStream.iterate(0, i -> i < rows, i -> chain ? i + 1 : 2 * i + 1 + random.nextInt(2))
            .limit(1 + random.nextInt(rows))
            .toArray();
    if (!chain) {
      caches.accept(sequence.cache, path);
    }
    sequence.cache.commit(path.length);
    Arrays.stream(path).forEach(row -> sequence.tags.add(tree[row]));
  }

  private int pagesMissing(Sequence sequence, int rows) {
    int length = sequence.tags.size();
    int needed = (length + rows + KvLayer.PAGE - 1) / KvLayer.PAGE;
    int[] own = sequence.cache.pages();
    int first = length / KvLayer.PAGE;
    boolean shared = first < own.length && usersOf(own[first]) > 1;
    return Math.max(0, needed - own.length) + (shared ? 1 : 0);
  }

  private long usersOf(int page) {
    return sequences.stream()
        .filter(s -> Arrays.stream(s.cache.pages()).anyMatch(p -> p == page))
        .count();
  }

  private void check(TaggedCaches caches) {
    Set<Integer> used = new HashSet<>();
    for (Sequence sequence : sequences) {
      caches.assertHolds(
          sequence.cache, sequence.tags.stream().mapToInt(Integer::intValue).toArray());
      Arrays.stream(sequence.cache.pages()).forEach(used::add);
    }
    assertEquals(PAGES - used.size(), caches.free());
  }
}
