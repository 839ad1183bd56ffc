package dev.jangle.jcuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Supplier;
import jcuda.JCudaVersion;
import jcuda.LibUtils;

/**
 * A new folder, only this user's, with one native library of JCuda in it under the name that JCuda
 * looks for. It lies in the folder that system property {@code jangle.native.cache} names, else
 * with the temporary files. Closing removes it: a library that was loaded stays mapped.
 */
final class NativeFolder implements AutoCloseable {
  private static final String TEMPORARY = "java.io.tmpdir";

  private final Path folder;
  private final Path file;

  private NativeFolder(Path folder, Path file) {
    this.folder = folder;
    this.file = file;
  }

  /**
   * With the library of this name, such as {@code JCudaDriver}, from JCuda's jars.
   *
   * @throws IOException where no jar has it, or the folder cannot be made
   */
  static NativeFolder with(String library) throws IOException {
    String name =
        LibUtils.createLibraryFileName(
            LibUtils.createPlatformLibraryName(library + "-" + JCudaVersion.get()));
    // Not through JCuda's own module: it is in another jar.
    ClassLoader loader = NativeFolder.class.getClassLoader();
    try (InputStream content = loader.getResourceAsStream("lib/" + name)) {
      if (content == null) {
        throw new IOException("no jar has lib/" + name + ": JCuda's -natives jars do");
      }
      String given = System.getProperty("jangle.native.cache");
      Path base = Files.createDirectories(Path.of(given != null ? given : temporary()));
      Path folder =
          Files.createTempDirectory(
              base,
              "jcuda",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      NativeFolder made = new NativeFolder(folder.toAbsolutePath(), folder.resolve(name));
      try {
        Files.copy(content, made.file);
        return made;
      } catch (IOException e) {
        made.close();
        throw e;
      }
    }
  }

  /** Does something while system property {@code java.io.tmpdir} is this folder. */
  <T> T asTemporaryFolder(Supplier<T> something) {
    String before = System.setProperty(TEMPORARY, folder.toString());
    try {
      return something.get();
    } finally {
      // Unless somebody else has changed it meanwhile.
      if (folder.toString().equals(temporary())) {
        System.setProperty(TEMPORARY, before);
      }
    }
  }

  private static String temporary() {
    return System.getProperty(TEMPORARY);
  }

  /** Removes the folder where it can be: what was loaded from it is of use all the same. */
  @Override
  public void close() {
    try {
      Files.deleteIfExists(file);
      Files.delete(folder);
    } catch (IOException e) {
      // A network file system keeps the file of a mapped library under another name.
    }
  }
}
