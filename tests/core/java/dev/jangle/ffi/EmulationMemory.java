package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** How much memory the emulation of a GPU has; see {@code native-build/emulation/memory.cpp}. */
public final class EmulationMemory {
  private static final String VARIABLE = "JANGLE_EMULATION_MEMORY";
  private static final MethodHandle SETENV =
      NativeAccess.downcall(FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle UNSETENV =
      NativeAccess.downcall(FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private EmulationMemory() {}

  /** Makes it so many bytes from now on. */
  public static void limit(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      int status =
          (int)
              SETENV.invokeExact(
                  function("setenv"),
                  arena.allocateFrom(VARIABLE),
                  arena.allocateFrom(Long.toString(bytes)),
                  1);
      assert status == 0;
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  /** Makes it what it is by default. */
  public static void reset() {
    try (Arena arena = Arena.ofConfined()) {
      int status = (int) UNSETENV.invokeExact(function("unsetenv"), arena.allocateFrom(VARIABLE));
      assert status == 0;
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  private static MemorySegment function(String name) {
    return Linker.nativeLinker().defaultLookup().findOrThrow(name);
  }
}
