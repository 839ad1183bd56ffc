package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The functions that no part of the library calls yet, and what all have in common. */
class BindingsTest {
  private final Bindings bindings = Bindings.load("cpu");

  @Test
  void theLibraryHasTheBindingsVersion() {
    assertEquals(Bindings.VERSION, bindings.abiVersion());
  }

  @Test
  void oneProcessorIsOneDevice() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      MemorySegment tier = arena.allocate(JAVA_INT);
      bindings.check(bindings.devices.deviceCount(count));
      assertEquals(1, count.get(JAVA_INT, 0));
      bindings.check(bindings.devices.deviceTier(0, tier));
      assertTrue(tier.get(JAVA_INT, 0) >= 0 && tier.get(JAVA_INT, 0) <= 3);
      assertNotEquals(0, bindings.devices.deviceTier(1, tier));
    }
  }

  @Test
  void aNameIsCutToItsRoom() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(8).fill((byte) 'x');
      bindings.check(bindings.devices.deviceName(0, name, 4));
      assertEquals(0, name.get(JAVA_BYTE, 3));
      assertEquals('x', name.get(JAVA_BYTE, 4));
    }
  }

  @Test
  void hostMemoryIsZeroAndWritable() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      bindings.check(bindings.devices.contextCreate(0, 1, -1, out));
      MemorySegment context = out.get(ADDRESS, 0);
      bindings.check(bindings.memory.hostAlloc(context, 5000, out));
      long address = out.get(ADDRESS, 0).address();
      MemorySegment memory = bindings.view(address, 5000);
      for (long i = 0; i < 5000; i++) {
        assertEquals(0, memory.get(JAVA_BYTE, i));
      }
      memory.fill((byte) 7);
      assertEquals(0, address % 256);
      bindings.check(bindings.memory.hostFree(context, memory));
      MemorySegment sizes = arena.allocate(JAVA_LONG, 2);
      bindings.check(bindings.devices.memoryInfo(context, sizes, sizes.asSlice(8)));
      assertTrue(sizes.getAtIndex(JAVA_LONG, 0) <= sizes.getAtIndex(JAVA_LONG, 1));
      bindings.check(bindings.devices.contextDestroy(context));
    }
  }

  @Test
  void aFailureHasAStatusAndAText() {
    int status = bindings.devices.deviceCount(MemorySegment.NULL);
    NativeException failure = assertThrows(NativeException.class, () -> bindings.check(status));
    assertEquals(1, failure.status()); // JG_INVALID_ARGUMENT
    assertTrue(failure.getMessage().contains("jg_device_count"), failure.getMessage());
  }

  @Test
  void theTextIsTheThreadsOwn() {
    assertNotEquals(0, bindings.devices.deviceCount(MemorySegment.NULL));
    String other =
        CompletableFuture.supplyAsync(
                () -> {
                  assertNotEquals(0, bindings.devices.deviceTier(0, MemorySegment.NULL));
                  return bindings.lastError();
                },
                task -> Thread.ofPlatform().start(task))
            .join();
    assertTrue(other.contains("jg_device_tier"), other);
    assertTrue(bindings.lastError().contains("jg_device_count"), bindings.lastError());
  }
}
