package dev.jangle.ffi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

@Isolated("changes what the process shares")
class LibraryFileTest {
  private static final String NAME = "libjangle_test";

  @TempDir Path folder;

  private final byte[] library = new byte[3_000_000];

  LibraryFileTest() {
    new Random(1).nextBytes(library);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  @Test
  void extractsWholeAndForItsOwnerOnly() throws IOException {
    Path file = LibraryFile.extract(library, NAME, folder.resolve("a").resolve("b"));
    assertArrayEquals(library, Files.readAllBytes(file));
    assertEquals(folder.resolve("a").resolve("b"), file.getParent());
    assertTrue(file.getFileName().toString().startsWith(NAME + "-"), file.toString());
    for (PosixFilePermission permission : Files.getPosixFilePermissions(file)) {
      assertTrue(permission.name().startsWith("OWNER_"), permission.name());
    }
  }

  @Test
  void whatIsRightIsUsedAgain() throws IOException {
    Path file = LibraryFile.extract(library, NAME, folder);
    FileTime old = FileTime.fromMillis(1000);
    Files.setLastModifiedTime(file, old);
    Object key = Files.readAttributes(file, "unix:ino").get("ino");
    assertEquals(file, LibraryFile.extract(library, NAME, folder));
    assertEquals(old, Files.getLastModifiedTime(file));
    assertEquals(key, Files.readAttributes(file, "unix:ino").get("ino"));
    assertEquals(List.of(file), files());
  }

  @Test
  void whatIsDamagedIsReplaced() throws IOException {
    Path file = LibraryFile.extract(library, NAME, folder);
    for (int damage = 0; damage < 3; damage++) {
      byte[] bytes = library.clone();
      bytes[bytes.length - 1] ^= 1;
      switch (damage) {
        case 0 -> Files.write(file, bytes);
        case 1 -> Files.write(file, new byte[0]);
        default -> Files.delete(file);
      }
      assertEquals(file, LibraryFile.extract(library, NAME, folder));
      assertArrayEquals(library, Files.readAllBytes(file));
      assertEquals(List.of(file), files());
    }
  }

  @Test
  void anotherLibraryGetsAnotherName() throws IOException {
    Path first = LibraryFile.extract(library, NAME, folder);
    byte[] other = library.clone();
    other[5]++;
    assertNotEquals(first, LibraryFile.extract(other, NAME, folder));
    assertArrayEquals(library, Files.readAllBytes(first));
  }

  /** Eight at once, from nothing and over a damaged file: each gets a whole one. */
  @Test
  void manyAtOnce() throws Exception {
    int count = 8;
    for (int round = 0; round < 6; round++) {
      CyclicBarrier start = new CyclicBarrier(count);
      Callable<byte[]> task =
          () -> {
            start.await();
            return Files.readAllBytes(LibraryFile.extract(library, NAME, folder));
          };
      try (var threads = Executors.newFixedThreadPool(count)) {
        List<Callable<byte[]>> tasks = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          tasks.add(task);
        }
        for (Future<byte[]> read : threads.invokeAll(tasks)) {
          assertArrayEquals(library, read.get());
        }
      }
      assertEquals(1, files().size(), "nothing else is left: " + files());
      Path file = files().get(0);
      if (round % 2 == 0) {
        Files.delete(file);
      } else {
        Files.write(file, new byte[] {1, 2, 3});
      }
    }
  }

  /** A folder cannot be made under a file, whoever asks: root may write anywhere else. */
  @Test
  void aFolderThatCannotBeMadeIsNamed() throws Exception {
    Path file = Files.write(folder.resolve("file"), new byte[1]);
    assertThrows(
        IOException.class, () -> LibraryFile.extract(library, NAME, file.resolve("cache")));
    String message =
        withProperties(
            () -> assertThrows(UnsatisfiedLinkError.class, () -> LibraryFile.find("cpu")),
            "jangle.library.cpu",
            null,
            "jangle.native.cache",
            file.resolve("cache").toString());
    assertTrue(message.contains(file.toString()), message);
    assertTrue(message.contains("-Djangle.native.cache=FOLDER"), message);
  }

  @Test
  void aFolderInTheFilesPlaceIsAnError() throws IOException {
    Path file = LibraryFile.extract(library, NAME, folder);
    Files.delete(file);
    Files.createDirectories(file.resolve("sub"));
    assertThrows(IOException.class, () -> LibraryFile.extract(library, NAME, folder));
    assertEquals(List.of(file), files(), "the part is gone");
  }

  @Test
  void aFileThatIsNotThereIsNamed() throws Exception {
    String missing = folder.resolve("missing.so").toString();
    String message =
        withProperties(
            () -> assertThrows(UnsatisfiedLinkError.class, () -> Bindings.load("none")),
            "jangle.library.none",
            missing);
    assertTrue(message.contains(missing), message);
    assertTrue(message.contains("jangle.library.none"), message);
  }

  @Test
  void aFileThatIsNoLibraryIsNamed() throws Exception {
    String text = Files.writeString(folder.resolve("text.so"), "no library").toString();
    String message =
        withProperties(
            () -> assertThrows(UnsatisfiedLinkError.class, () -> Bindings.load("none")),
            "jangle.library.none",
            text);
    assertTrue(message.contains(text), message);
  }

  @Test
  void aBackendThatIsNotInTheJarIsNamed() {
    String message =
        assertThrows(UnsatisfiedLinkError.class, () -> Bindings.load("none")).getMessage();
    assertTrue(message.contains("libjangle_none.so"), message);
    assertTrue(message.contains("-Djangle.library.none=FILE"), message);
  }

  @Test
  void aBuildWithoutCudaSaysHowToGetIt() throws Exception {
    String library = "/dev/jangle/native/" + LibraryFile.platform() + "/libjangle_cuda.so";
    assumeTrue(LibraryFile.class.getResource(library) == null, "this build has it");
    String message =
        withProperties(
            () -> assertThrows(UnsatisfiedLinkError.class, () -> LibraryFile.find("cuda")),
            "jangle.library.cuda",
            null);
    assertTrue(message.contains("mvn package -Dnative.cuda=ON"), message);
  }

  /** Runs with these system properties (name, value or null), and returns the error's message. */
  static String withProperties(Callable<? extends Throwable> call, String... properties)
      throws Exception {
    String[] before = new String[properties.length];
    for (int i = 0; i < properties.length; i += 2) {
      before[i] = System.getProperty(properties[i]);
      set(properties[i], properties[i + 1]);
    }
    try {
      return call.call().getMessage();
    } finally {
      for (int i = 0; i < properties.length; i += 2) {
        set(properties[i], before[i]);
      }
    }
  }

  private static void set(String name, String value) {
    if (value == null) {
      System.clearProperty(name);
    } else {
      System.setProperty(name, value);
    }
  }
}
