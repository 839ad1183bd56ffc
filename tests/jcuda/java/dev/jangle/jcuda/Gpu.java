package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendException;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** What takes a GPU's place where there is none, and what is skipped without it. */
final class Gpu {
  /** Whether the emulation and the libraries of {@link #loadStandIns} are to be used. */
  static final boolean EMULATED = Boolean.getBoolean("jangle.test.standins");

  private static boolean loaded;

  private Gpu() {}

  /** The CUDA backend, a GPU's or the emulation; skips the test where there is neither. */
  static Backend open() {
    try {
      return Backend.open(BackendKind.CUDA, 0, null);
    } catch (BackendException e) {
      throw skip("no GPU and no emulation: " + e.getMessage());
    }
  }

  /** Skips the test. */
  static AssertionError skip(String reason) {
    Assumptions.abort(reason);
    return new AssertionError("abort throws");
  }

  /**
   * Loads libraries that stand in for the driver's and cuBLAS, made from the C files beside this
   * class: who needs libraries of these names finds them loaded already. In the run for that only;
   * once, before JCuda loads anything.
   */
  static synchronized void loadStandIns() throws IOException, InterruptedException {
    if (!EMULATED || loaded) {
      return;
    }
    Path folder = Files.createTempDirectory("standins");
    try {
      load(compile("driver.c", folder.resolve("libcuda.so.1")));
      load(compile("cublas.c", folder.resolve("libcublas.so.12")));
      loaded = true;
    } finally {
      for (String file : List.of("driver.c", "cublas.c", "libcuda.so.1", "libcublas.so.12")) {
        Files.deleteIfExists(folder.resolve(file));
      }
      Files.delete(folder);
    }
  }

  private static Path compile(String source, Path library)
      throws IOException, InterruptedException {
    Path file = library.resolveSibling(source);
    try (InputStream in = Gpu.class.getResourceAsStream(source)) {
      Files.copy(in, file);
    }
    Process process;
    try {
      process =
          new ProcessBuilder(
                  "cc",
                  "-shared",
                  "-fPIC",
                  "-Wl,-soname," + library.getFileName(),
                  "-Wl,--default-symver",
                  "-o",
                  library.toString(),
                  file.toString())
              .inheritIO()
              .start();
    } catch (IOException e) {
      throw skip("no C compiler (cc) to make " + library.getFileName() + ": " + e.getMessage());
    }
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "cc does not end");
    assertEquals(0, process.exitValue());
    return library;
  }

  @SuppressWarnings("restricted")
  private static void load(Path library) {
    System.load(library.toString());
  }

  /** The floats that a buffer begins with. */
  static float[] floats(Kernels kernels, DeviceBuffer buffer, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      kernels.download(buffer, host);
      return host.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
