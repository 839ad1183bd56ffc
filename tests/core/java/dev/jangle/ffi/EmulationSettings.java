package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** What the emulation of a GPU pretends: environment variables that it reads again and again. */
public final class EmulationSettings {
  /** Bytes of memory that the GPU has. */
  public static final String MEMORY = "JANGLE_EMULATION_MEMORY";

  /** The error that every launch ends with. */
  public static final String LAUNCH_ERROR = "JANGLE_EMULATION_LAUNCH_ERROR";

  private static final MethodHandle SETENV =
      NativeAccess.downcall(FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle UNSETENV =
      NativeAccess.downcall(FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private EmulationSettings() {}

  /** Sets a variable of this process. */
  public static void set(String name, long value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(Long.toString(value));
      int status = (int) SETENV.invokeExact(function("setenv"), arena.allocateFrom(name), text, 1);
      assert status == 0;
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  /** Removes it. */
  public static void reset(String name) {
    try (Arena arena = Arena.ofConfined()) {
      int status = (int) UNSETENV.invokeExact(function("unsetenv"), arena.allocateFrom(name));
      assert status == 0;
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  private static MemorySegment function(String name) {
    return Linker.nativeLinker().defaultLookup().findOrThrow(name);
  }
}
