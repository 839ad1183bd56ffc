package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.invoke.MethodHandle;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The downcalls of one group of functions: handles for the group's static fields, and the
 * descriptors they were made from, for the test that compares them with the header. Filled while
 * the group's class is initialised, and only read after that.
 */
final class Downcalls {
  private final Map<String, FunctionDescriptor> descriptors = new LinkedHashMap<>();

  /** A handle for a function that returns a status. Its first argument is the address to call. */
  MethodHandle of(String name, MemoryLayout... arguments) {
    return of(name, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  /** A handle for any function. Its first argument is the address to call. */
  MethodHandle of(String name, FunctionDescriptor descriptor) {
    descriptors.put(name, descriptor);
    return NativeAccess.downcall(descriptor);
  }

  /** Descriptor of each function, by its C name. */
  Map<String, FunctionDescriptor> descriptors() {
    return descriptors;
  }

  /** For the {@code catch} that {@code invokeExact} asks for: a C function throws nothing. */
  static AssertionError unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return new AssertionError("a downcall throws nothing of its own", e);
  }
}
