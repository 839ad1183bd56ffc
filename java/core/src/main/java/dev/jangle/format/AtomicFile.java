package dev.jangle.format;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Writes a file whole or not at all: under a temporary name in the same folder, flushed to the
 * disk, then renamed. Whatever ends the program, the name shows the old file or the new one.
 */
public final class AtomicFile {
  /** Ends the temporary name; a file of such a name is what a killed program left. */
  public static final String PART = ".part";

  private AtomicFile() {}

  /** What a file is to hold. */
  @FunctionalInterface
  public interface Content {
    /** Writes it from the start of an empty file. */
    void write(FileChannel out) throws IOException;
  }

  /**
   * Writes a file, in place of one of the same name. Of two that write the same file at once one
   * fails or is lost.
   *
   * @throws IOException naming the file where it cannot be written, such as on a full disk; then
   *     what was there before is still there, and the temporary file is gone
   */
  public static void write(Path file, Content content) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    Path part = folder.resolve(file.getFileName() + PART);
    boolean whole = false;
    try {
      try (FileChannel out = FileChannel.open(part, CREATE, TRUNCATE_EXISTING, WRITE)) {
        content.write(out);
        out.force(true);
      }
      Files.move(part, file, ATOMIC_MOVE);
      whole = true;
    } catch (IOException e) {
      throw new IOException(file + ": cannot be written: " + reason(e, folder), e);
    } finally {
      if (!whole) {
        Files.deleteIfExists(part);
      }
    }
    flush(folder);
  }

  /** As {@link #write(Path, Content)}, of a text in UTF-8. */
  public static void write(Path file, String text) throws IOException {
    write(file, out -> writeAll(out, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
  }

  /** Writes all that remains in the buffer. */
  public static void writeAll(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** A renamed file is safe once its folder is on the disk, too. */
  private static void flush(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, READ)) {
      channel.force(true);
    }
  }

  /** The file system's exceptions name the temporary file, and often nothing else. */
  private static String reason(IOException e, Path folder) {
    if (e instanceof NoSuchFileException && !Files.exists(folder)) {
      return "the folder " + folder + " does not exist; create it first";
    } else if (e instanceof AccessDeniedException) {
      return "no permission to write in the folder " + folder;
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }
}
