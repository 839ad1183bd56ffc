package dev.jangle.cli.pull;

import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Failure;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Writes downloads to disk; a full disk is told apart from a cut connection. */
class DiskWriter {
  /** Opens a file for writing, at its end or anew. */
  OutputStream open(Path file, boolean append) throws IOException {
    return append
        ? Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)
        : Files.newOutputStream(file);
  }

  /** Bytes that this user may still write there. */
  long usableBytes(Path folder) throws IOException {
    return Files.getFileStore(folder).getUsableSpace();
  }

  /**
   * @throws Failure where less than {@code bytes} are free
   */
  final void requireSpace(Path folder, long bytes) throws IOException {
    long usable = usableBytes(folder);
    if (usable < bytes) {
      throw new Failure(
          "not enough space in "
              + folder.getParent()
              + ": "
              + Amounts.bytes(bytes)
              + " needed, "
              + Amounts.bytes(usable)
              + " free; make room, or set JANGLE_HOME to a folder on another disk");
    }
  }

  /** Throws away what was written. */
  final void truncate(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  /** What to say when a write failed. */
  static Failure failure(Path file, IOException cause) {
    return new Failure(
        "cannot write "
            + file
            + ": "
            + cause.getMessage()
            + "; make room and run the same command again, it goes on where it stopped",
        cause);
  }
}
