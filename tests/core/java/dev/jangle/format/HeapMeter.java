package dev.jangle.format;

import java.lang.reflect.Method;

/**
 * What the current thread has allocated on the heap. By reflection: the library's module, which
 * tests are patched into, does not read {@code jdk.management}.
 */
final class HeapMeter {
  private static final Object BEAN;
  private static final Method ALLOCATED;

  static {
    try {
      BEAN =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getThreadMXBean")
              .invoke(null);
      ALLOCATED =
          Class.forName("com.sun.management.ThreadMXBean")
              .getMethod("getCurrentThreadAllocatedBytes");
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private HeapMeter() {}

  static long allocatedBytes() throws ReflectiveOperationException {
    return (long) ALLOCATED.invoke(BEAN);
  }
}
