package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The native libraries, and what is said where they cannot be loaded. */
@Isolated("changes what the process shares")
class JCudaLibraryTest {
  private static final String TEMPORARY = "java.io.tmpdir";
  private static final String CACHE = "jangle.native.cache";
  private static final String FILE = "libJCudaRuntime-12.6.0-linux-x86_64.so";

  @TempDir Path folder;
  private String temporary;

  @BeforeAll
  static void findLibraries() throws Exception {
    Gpu.loadStandIns();
  }

  @BeforeEach
  void rememberTheFolder() {
    temporary = System.getProperty(TEMPORARY);
  }

  @Test
  void theRuntimeLoadsWithoutADriver() {
    assertEquals("", JCudaLibrary.RUNTIME.problem());
    JCudaLibrary.RUNTIME.load();
    assertEquals(temporary, System.getProperty(TEMPORARY));
  }

  @ParameterizedTest
  @EnumSource(
      value = JCudaLibrary.class,
      names = {"DRIVER", "CUBLAS"})
  void whatIsMissingIsNamedInOneLine(JCudaLibrary library) {
    boolean driver = library == JCudaLibrary.DRIVER;
    String needed = driver ? "libcuda.so.1" : "libcublas.so.12";
    String problem = library.problem();
    if (problem.isEmpty()) {
      library.load();
      throw Gpu.skip(needed + " is here, so nothing is missing to be named");
    }
    String title = driver ? "the driver API" : "JCublas";
    String file = driver ? "libJCudaDriver" : "libJCublas2";
    assertEquals(
        title
            + " of JCuda cannot be loaded: "
            + file
            + "-12.6.0-linux-x86_64.so: "
            + needed
            + ": cannot open shared object file: No such file or directory; "
            + (driver
                ? "install an NVIDIA driver"
                : "install cuBLAS of CUDA 12 where LD_LIBRARY_PATH leads: another version does"
                    + " not do"),
        problem);
    assertEquals(temporary, System.getProperty(TEMPORARY));
    assertEquals(problem, library.problem());
    assertEquals(problem, assertThrows(JCudaException.class, library::load).getMessage());
    // JCuda's own calls fail by now without JCuda's text.
    LinkageError later =
        assertThrows(
            LinkageError.class,
            driver ? () -> JCudaDriver.cuInit(0) : () -> JCublas2.cublasCreate(null));
    assertTrue(JCudaLibrary.reason(later).contains("an earlier call of JCuda failed"), problem);
  }

  @Test
  void textsThatAreNotJCudasAreKept() {
    assertEquals("no memory", JCudaLibrary.reason(new UnsatisfiedLinkError("no memory")));
    LinkageError wrapped = new ExceptionInInitializerError(new IOException("a: b"));
    assertEquals("a: b", JCudaLibrary.reason(wrapped));
    assertEquals("java.lang.LinkageError", JCudaLibrary.reason(new LinkageError("")));
    assertEquals("java.lang.LinkageError", JCudaLibrary.reason(new LinkageError()));
  }

  @Test
  void theFolderIsNewAndOnlyOurs() throws IOException {
    Path planted = Files.writeString(folder.resolve(FILE), "not a library");
    String cache = System.setProperty(CACHE, folder.toString());
    Path used;
    try (NativeFolder natives = NativeFolder.with("JCudaRuntime")) {
      used = natives.asTemporaryFolder(() -> Path.of(System.getProperty(TEMPORARY)));
      assertEquals(temporary, System.getProperty(TEMPORARY));
      assertEquals(folder, used.getParent());
      assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(used)));
      try (Stream<Path> files = Files.list(used)) {
        assertEquals(List.of(used.resolve(FILE)), files.toList());
      }
      try (InputStream in = getClass().getClassLoader().getResourceAsStream("lib/" + FILE)) {
        assertArrayEquals(in.readAllBytes(), Files.readAllBytes(used.resolve(FILE)));
      }
      try (NativeFolder other = NativeFolder.with("JCudaRuntime")) {
        assertNotEquals(
            used, other.asTemporaryFolder(() -> Path.of(System.getProperty(TEMPORARY))));
      }
    } finally {
      System.setProperty(CACHE, cache);
    }
    assertFalse(Files.exists(used));
    assertEquals("not a library", Files.readString(planted));
  }

  /** As where a network file system keeps what is mapped. */
  @Test
  void aFolderThatCannotBeRemovedIsNoFailure() throws IOException {
    String cache = System.setProperty(CACHE, folder.toString());
    try (NativeFolder natives = NativeFolder.with("JCudaRuntime")) {
      Path used = natives.asTemporaryFolder(() -> Path.of(System.getProperty(TEMPORARY)));
      Files.createFile(used.resolve(".nfs1"));
    } finally {
      System.setProperty(CACHE, cache);
    }
  }

  @Test
  void theSettingIsRestoredUnlessSomebodyChangedIt() throws IOException {
    try (NativeFolder natives = NativeFolder.with("JCudaRuntime")) {
      assertThrows(
          IllegalStateException.class,
          () ->
              natives.asTemporaryFolder(
                  () -> {
                    throw new IllegalStateException("thrown");
                  }));
      assertEquals(temporary, System.getProperty(TEMPORARY));
      natives.asTemporaryFolder(() -> System.setProperty(TEMPORARY, folder.toString()));
      assertEquals(folder.toString(), System.getProperty(TEMPORARY));
    } finally {
      System.setProperty(TEMPORARY, temporary);
    }
  }

  @Test
  void aLibraryThatNoJarHasIsNamed() {
    IOException e = assertThrows(IOException.class, () -> NativeFolder.with("JCunning").close());
    assertTrue(e.getMessage().contains("no jar has lib/libJCunning-12.6.0"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 8})
  void manyThreadsGetOneAnswer(int threads) throws Exception {
    List<String> expected = Stream.of(JCudaLibrary.values()).map(JCudaLibrary::problem).toList();
    Callable<List<String>> ask =
        () -> Stream.of(JCudaLibrary.values()).map(JCudaLibrary::problem).toList();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<List<String>>> answers = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        answers.add(pool.submit(ask));
      }
      for (Future<List<String>> answer : answers) {
        assertEquals(expected, answer.get());
      }
    }
    assertEquals(temporary, System.getProperty(TEMPORARY));
  }
}
