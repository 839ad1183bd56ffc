package dev.jangle.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BufferProbe;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Machine;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.format.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the slots hold, which pages are taken, and what is refused. */
class KvCacheTest {
  private static final int PAGE = KvLayer.PAGE;

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void commitsAChain(DType dtype) {
    try (TaggedCaches caches = new TaggedCaches(dtype, 4);
        KvCache cache = caches.open()) {
      caches.write(cache, 1, 2, 3);
      assertEquals(0, cache.length(), "a pass commits nothing");
      cache.commit(3);
      caches.write(cache, 4, 5);
      cache.commit(1);
      caches.write(cache, 6);
      cache.commit(1);
      caches.assertHolds(cache, 1, 2, 3, 4, 6);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void commitsAPathOfATree(DType dtype) {
    try (TaggedCaches caches = new TaggedCaches(dtype, 4);
        KvCache cache = caches.open()) {
      caches.write(cache, 1, 2);
      cache.commit(2);
      caches.write(cache, 10, 11, 12, 13, 14, 15);
      caches.accept(cache, 0, 2, 5);
      cache.commit(3);
      caches.assertHolds(cache, 1, 2, 10, 12, 15);
    }
  }

  /** More rows may have been accepted than are committed: the others are as good as not there. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void commitsTheFirstOfTheRowsThatWereAccepted(DType dtype) {
    try (TaggedCaches caches = new TaggedCaches(dtype, 4);
        KvCache cache = caches.open()) {
      int[] start = TaggedCaches.range(1, PAGE - 2);
      caches.write(cache, start);
      cache.commit(start.length);
      for (int kept : new int[] {4, 3, 2, 1, 0}) {
        int length = cache.length();
        caches.write(cache, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22);
        caches.accept(cache, 0, 2, 5, 12);
        cache.commit(kept);
        int[] path = {10, 12, 15, 22};
        start = TaggedCaches.append(start, Arrays.copyOf(path, kept));
        caches.assertHolds(cache, start);
        assertEquals(length + kept, cache.length());
      }
    }
  }

  /** Rows move from the second and third page to the first and second. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void gathersAcrossPages(DType dtype) {
    try (TaggedCaches caches = new TaggedCaches(dtype, 8);
        KvCache other = caches.open();
        KvCache cache = caches.open()) {
      // The other sequence takes pages in between, so that this one's do not lie side by side.
      int[] start = TaggedCaches.range(1, PAGE - 3);
      caches.write(cache, start);
      cache.commit(start.length);
      other.reserve(1);
      int[] tree = TaggedCaches.range(100, 128);
      caches.write(cache, tree);
      int[] path = {0, 1, 4, 9, 20, 41, 83};
      caches.accept(cache, path);
      cache.commit(path.length);
      int[] expected = new int[start.length + path.length];
      System.arraycopy(start, 0, expected, 0, start.length);
      for (int i = 0; i < path.length; i++) {
        expected[start.length + i] = tree[path[i]];
      }
      caches.assertHolds(cache, expected);
    }
  }

  @Test
  void takesPagesWhenNeededAndGivesThemBack() {
    try (TaggedCaches caches = new TaggedCaches(DType.F16, 6);
        KvCache cache = caches.open()) {
      assertEquals(6, caches.free());
      cache.reserve(PAGE);
      assertEquals(5, caches.free());
      cache.reserve(PAGE);
      assertEquals(5, caches.free(), "nothing was committed, so nothing more is needed");
      cache.commit(PAGE);
      cache.reserve(1);
      assertEquals(4, caches.free());
      cache.commit(1);
      cache.reserve(2 * PAGE);
      assertEquals(2, caches.free());
      cache.truncate(PAGE + 1);
      assertEquals(4, caches.free());
      cache.truncate(PAGE);
      assertEquals(5, caches.free());
      cache.truncate(0);
      assertEquals(6, caches.free());
      assertEquals(0, cache.pages().length);
    }
  }

  @Test
  void truncatesAndGoesOn() {
    try (TaggedCaches caches = new TaggedCaches(DType.F32, 4);
        KvCache cache = caches.open()) {
      caches.write(cache, TaggedCaches.range(1, 100));
      cache.commit(100);
      cache.truncate(3);
      caches.write(cache, 200, 201);
      cache.commit(2);
      caches.assertHolds(cache, 1, 2, 3, 200, 201);
    }
  }

  @Test
  void copiesASharedPageOnWrite() {
    try (TaggedCaches caches = new TaggedCaches(DType.F32, 8);
        KvCache cache = caches.open()) {
      int[] past = TaggedCaches.range(1, PAGE + 2);
      caches.write(cache, past);
      cache.commit(past.length);
      try (KvCache fork = caches.fork(cache)) {
        assertEquals(6, caches.free(), "a fork takes nothing");
        assertArrayEquals(cache.pages(), fork.pages());
        caches.assertHolds(fork, past);
        caches.write(fork, 300);
        fork.commit(1);
        assertEquals(5, caches.free(), "the half page is copied, the full one shared");
        assertEquals(cache.pages()[0], fork.pages()[0]);
        assertNotEquals(cache.pages()[1], fork.pages()[1]);
        caches.write(cache, 400, 401);
        caches.accept(cache, 0, 1);
        cache.commit(2);
        assertEquals(5, caches.free(), "the page has one owner again: no copy");
        caches.assertHolds(fork, TaggedCaches.append(past, 300));
        caches.assertHolds(cache, TaggedCaches.append(past, 400, 401));
      }
      assertEquals(6, caches.free());
    }
  }

  @Test
  void aForkAtAPagesEndCopiesNothing() {
    try (TaggedCaches caches = new TaggedCaches(DType.F16, 8);
        KvCache cache = caches.open()) {
      int[] past = TaggedCaches.range(1, PAGE);
      caches.write(cache, past);
      cache.commit(PAGE);
      cache.reserve(1); // a page that is taken, but holds nothing yet
      try (KvCache fork = caches.fork(cache)) {
        assertEquals(1, fork.pages().length);
        caches.write(fork, 300);
        fork.commit(1);
        caches.write(cache, 400);
        cache.commit(1);
        assertEquals(5, caches.free());
        caches.assertHolds(fork, TaggedCaches.append(past, 300));
        caches.assertHolds(cache, TaggedCaches.append(past, 400));
      }
    }
  }

  @Test
  void aForkOutlivesItsParent() {
    try (TaggedCaches caches = new TaggedCaches(DType.F16, 4)) {
      KvCache cache = caches.open();
      caches.write(cache, 1, 2, 3);
      cache.commit(3);
      try (KvCache fork = caches.fork(cache)) {
        cache.close();
        cache.close();
        assertEquals(3, caches.free());
        caches.write(fork, 4);
        fork.commit(1);
        assertEquals(3, caches.free(), "its page has no other owner left");
        caches.assertHolds(fork, 1, 2, 3, 4);
      }
    }
  }

  @Test
  void thePoolClosesWithItsLastCache() {
    try (TaggedCaches caches = new TaggedCaches(DType.F16, 2)) {
      KvCache cache = caches.open();
      KvCache fork = caches.fork(cache);
      AutoCloseable buffer = cache.layer(0).buffer();
      cache.close();
      assertFalse(BufferProbe.isClosed(buffer));
      fork.close();
      assertTrue(BufferProbe.isClosed(buffer));
    }
    try (Backend backend = Machine.best(1).open()) {
      KvPool unused = new KvPool(backend, TaggedCaches.CONFIG, DType.F16, 2);
      AutoCloseable buffer = unused.layer(0).buffer();
      unused.close();
      assertTrue(BufferProbe.isClosed(buffer));
    }
  }

  @Test
  void refusesWhatDoesNotFitAndLosesNothing() {
    try (TaggedCaches caches = new TaggedCaches(DType.F32, 3);
        KvCache cache = caches.open()) {
      int[] past = TaggedCaches.range(1, PAGE + 1);
      caches.write(cache, past);
      cache.commit(past.length);
      int[] pages = cache.pages().clone();
      ContextFullException e =
          assertThrows(ContextFullException.class, () -> cache.reserve(2 * PAGE));
      assertTrue(
          e.getMessage().contains("128 positions after 65 need 2 more pages"), e::getMessage);
      assertTrue(e.getMessage().contains("1 are free"), e::getMessage);
      assertEquals(1, caches.free());
      assertArrayEquals(pages, cache.pages());
      caches.assertHolds(cache, past);
      int[] more = TaggedCaches.range(200, 2 * PAGE - 1);
      caches.write(cache, more);
      cache.commit(more.length);
      caches.assertHolds(cache, TaggedCaches.append(past, more));
      assertThrows(ContextFullException.class, () -> cache.reserve(1));
    }
  }

  @Test
  void refusesACopyThatDoesNotFit() {
    try (TaggedCaches caches = new TaggedCaches(DType.F32, 1);
        KvCache cache = caches.open()) {
      caches.write(cache, 1, 2);
      cache.commit(2);
      try (KvCache fork = caches.fork(cache)) {
        assertThrows(ContextFullException.class, () -> fork.reserve(1));
        assertThrows(ContextFullException.class, () -> cache.reserve(1));
        caches.assertHolds(fork, 1, 2);
      }
      caches.write(cache, 3);
      cache.commit(1);
      caches.assertHolds(cache, 1, 2, 3);
    }
  }

  @Test
  void refusesMemoryBeforeItIsTaken() {
    try (Backend backend = Machine.best(1).open()) {
      int pages = 1 << 27;
      long needed = KvPool.bytes(TaggedCaches.CONFIG, DType.F32, pages);
      long free = backend.freeBytes();
      assertTrue(needed > 4 * free, "the test's cache is not large enough");
      OutOfDeviceMemoryException e =
          assertThrows(
              OutOfDeviceMemoryException.class,
              () -> new KvPool(backend, TaggedCaches.CONFIG, DType.F32, pages));
      String expected =
          "the KV cache for %,d positions needs %,d bytes".formatted((long) pages * PAGE, needed);
      assertTrue(e.getMessage().contains(expected), e::getMessage);
      assertTrue(e.getMessage().contains("lower the context length"), e::getMessage);
    }
  }

  @Test
  void refusesWrongArguments() {
    try (TaggedCaches caches = new TaggedCaches(DType.F16, 2);
        KvCache cache = caches.open()) {
      assertThrows(IllegalArgumentException.class, () -> cache.commit(1));
      cache.reserve(2);
      cache.commit(2);
      assertThrows(IllegalArgumentException.class, () -> cache.commit(-1));
      assertThrows(IllegalArgumentException.class, () -> cache.commit(PAGE));
      assertThrows(IllegalArgumentException.class, () -> cache.truncate(3));
      assertThrows(IllegalArgumentException.class, () -> cache.truncate(-1));
      assertEquals(2, cache.length());
    }
  }
}
