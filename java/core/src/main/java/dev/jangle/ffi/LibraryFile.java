package dev.jangle.ffi;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Finds the file of a native library: the one that the system property {@code
 * jangle.library.<name>} names, else the one packed in the jar, extracted once into the user's
 * cache under the hash of its content.
 */
final class LibraryFile {
  private LibraryFile() {}

  /** The folder name of this machine's natives, such as {@code linux-x86_64}. */
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return (os.startsWith("linux") ? "linux" : os.replace(' ', '_'))
        + "-"
        + (arch.equals("amd64") ? "x86_64" : arch);
  }

  /**
   * Returns a file that can be loaded.
   *
   * @throws UnsatisfiedLinkError naming what is missing and what to do
   */
  static Path find(String name) {
    String property = "jangle.library." + name;
    String given = System.getProperty(property);
    if (given != null) {
      Path path = Path.of(given).toAbsolutePath();
      if (!Files.isRegularFile(path)) {
        throw new UnsatisfiedLinkError(
            path + " does not exist; it is what the system property " + property + " names");
      }
      return path;
    }
    String resource = "native/" + platform() + "/libjangle_" + name + ".so";
    try (InputStream in = LibraryFile.class.getResourceAsStream("/dev/jangle/" + resource)) {
      if (in == null) {
        throw new UnsatisfiedLinkError(
            "this jar has no "
                + resource
                + "; build Jangle on this platform"
                + (name.equals("cuda") ? " with mvn package -Dnative.cuda=ON" : "")
                + ", or set -D"
                + property
                + "=FILE to a library of yours");
      }
      return extract(in.readAllBytes(), "libjangle_" + name, cache());
    } catch (IOException e) {
      throw new UnsatisfiedLinkError(
          "cannot extract "
              + resource
              + ": "
              + e
              + "; set -Djangle.native.cache=FOLDER to a"
              + " folder that can be written");
    }
  }

  private static Path cache() {
    String given = System.getProperty("jangle.native.cache");
    if (given != null) {
      return Path.of(given);
    }
    String home = System.getenv("XDG_CACHE_HOME");
    Path base =
        home != null && !home.isEmpty()
            ? Path.of(home)
            : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("jangle").resolve("native");
  }

  /**
   * Writes the library under a name that holds its hash. What lies there already is used only if
   * its content has that hash. The file appears whole or not at all.
   */
  static Path extract(byte[] library, String name, Path folder) throws IOException {
    String hash = sha256(library);
    Files.createDirectories(folder);
    Path target = folder.resolve(name + "-" + hash.substring(0, 16) + ".so");
    if (Files.isRegularFile(target) && sha256(Files.readAllBytes(target)).equals(hash)) {
      return target;
    }
    Path part =
        Files.createTempFile(
            folder,
            name,
            ".part",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    try {
      Files.write(part, library);
      try {
        Files.move(
            part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (AtomicMoveNotSupportedException | FileAlreadyExistsException e) {
        throw new IOException("cannot rename " + part + " to " + target, e);
      }
    } finally {
      Files.deleteIfExists(part);
    }
    return target;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
