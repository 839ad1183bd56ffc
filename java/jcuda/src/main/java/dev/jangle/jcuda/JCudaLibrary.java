package dev.jangle.jcuda;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.runtime.JCuda;

/**
 * JCuda's native libraries. By itself JCuda copies them under fixed names to the folder of
 * temporary files, which all users share, and takes whatever lies there already; and on the module
 * path it does not find them. Loaded through here, they come from a folder that is made for the
 * purpose, only this user's, and removed again. A library on {@code java.library.path} still goes
 * first, as JCuda has it. What was loaded before stays. Thread-safe; while one loads, the system
 * property {@code java.io.tmpdir} has another value for the whole process.
 */
public enum JCudaLibrary {
  /** {@link JCuda}, the runtime's interface; it loads where there is no driver, too. */
  RUNTIME("the runtime API", "JCudaRuntime", JCuda.class),
  /** {@link JCudaDriver}; it needs {@code libcuda.so.1}, which the NVIDIA driver brings. */
  DRIVER("the driver API", "JCudaDriver", JCudaDriver.class),
  /** {@link JCublas2}; it needs {@code libcublas.so.12}. */
  CUBLAS("JCublas", "JCublas2", JCublas2.class);

  private static final Map<JCudaLibrary, String> PROBLEMS = new EnumMap<>(JCudaLibrary.class);

  private static final String SECOND_ATTEMPT = "to load the library as a resource:";

  private final String title;
  private final String library;
  private final Class<?> owner;

  JCudaLibrary(String title, String library, Class<?> owner) {
    this.title = title;
    this.library = library;
    this.owner = owner;
  }

  /**
   * Loads the library, once.
   *
   * @throws JCudaException where it cannot be loaded, with {@link #problem}
   */
  public void load() {
    String problem = problem();
    if (!problem.isEmpty()) {
      throw new JCudaException(problem);
    }
  }

  /**
   * Loads the library, once: why it cannot be used and what to do, in one line; empty if it can.
   */
  public String problem() {
    synchronized (JCudaLibrary.class) {
      return PROBLEMS.computeIfAbsent(this, JCudaLibrary::tryToLoad);
    }
  }

  private String tryToLoad() {
    String reason;
    try (NativeFolder folder = NativeFolder.with(library)) {
      reason = folder.asTemporaryFolder(this::initialize);
    } catch (IOException e) {
      reason = e + "; set -Djangle.native.cache=FOLDER to a folder that can be written";
    }
    return reason.isEmpty() ? "" : title + " of JCuda cannot be loaded: " + reason + advice(reason);
  }

  /** JCuda's classes load their libraries when they are initialised. */
  private String initialize() {
    try {
      MethodHandles.lookup().ensureInitialized(owner);
      return "";
    } catch (LinkageError e) {
      return reason(e);
    } catch (IllegalAccessException e) {
      throw new AssertionError(owner + " is public", e);
    }
  }

  /**
   * The linker's own words, never empty. JCuda wraps them in a page of text with the stack traces
   * of both its attempts, of which the second is the one that should have worked. A class that
   * failed before says only that it did.
   */
  static String reason(LinkageError error) {
    if (error instanceof NoClassDefFoundError) {
      return "an earlier call of JCuda failed to load it; start again, and load it through"
          + " JCudaLibrary before the first call";
    }
    Throwable first = error;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    String text = Objects.requireNonNullElse(first.getMessage(), "");
    int second = text.lastIndexOf(SECOND_ATTEMPT);
    String trace = second < 0 ? text : text.substring(second + SECOND_ATTEMPT.length()).strip();
    return trace
        .lines()
        .map(line -> line.replaceFirst("^[\\w.$]+(Error|Exception): ", ""))
        .map(line -> line.replaceFirst("^/.*/(?=lib)", ""))
        .findFirst()
        .orElse(first.getClass().getName());
  }

  private static String advice(String reason) {
    if (reason.contains("libcuda.so.1")) {
      return "; install an NVIDIA driver";
    }
    if (reason.contains("libcublas.so.12")) {
      return "; install cuBLAS of CUDA 12 where LD_LIBRARY_PATH leads: another version does not do";
    }
    if (reason.contains("native access")) {
      return "; start Java with --enable-native-access=jcuda,jcublas";
    }
    return "";
  }
}
