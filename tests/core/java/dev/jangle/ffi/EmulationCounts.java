package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** What the emulation of a GPU counts; see {@code native-build/emulation/counts.h}. */
public final class EmulationCounts {
  private static final MethodHandle COUNTS =
      NativeAccess.downcall(FunctionDescriptor.ofVoid(ADDRESS));
  private static final MemorySegment FUNCTION =
      Library.load(LibraryFile.find("cuda")).function("jangle_emulation_counts");

  private EmulationCounts() {}

  /** Kernels, transfers and graphs that were run so far, each by itself, and waits for a stream. */
  public static long[] read() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment counts = arena.allocate(JAVA_LONG, 4);
      COUNTS.invokeExact(FUNCTION, counts);
      return counts.toArray(JAVA_LONG);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
