package dev.jangle.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Maps files, and says what a file that is not what it should be looks like. */
final class FileKind {
  private FileKind() {}

  /**
   * Maps a whole file read-only.
   *
   * @throws IOException naming the file if it is missing, not a regular file, or not readable
   * @throws FormatException if it is empty
   */
  static MemorySegment map(Path file, Arena arena) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString(), null, "does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": is not a regular file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size == 0) {
        throw new FormatException(file, "is empty; download it again");
      }
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
    } catch (AccessDeniedException e) {
      throw new IOException(file + ": may not be read; check its permissions", e);
    }
  }

  /** What the first bytes look like, with what to do; for the end of a message. */
  static String looksLike(MemorySegment file) {
    byte[] head = file.asSlice(0, Math.min(file.byteSize(), 64)).toArray(ValueLayout.JAVA_BYTE);
    String text = new String(head, StandardCharsets.ISO_8859_1);
    if (text.startsWith("version https://git-lfs")) {
      return "it is a Git LFS pointer, not the weights: run `git lfs pull` in its folder";
    }
    if (text.startsWith("GGUF")) {
      return "it is a GGUF file: open it by its own path";
    }
    if (text.startsWith("PK")) {
      return "it is a zip archive: unpack it, or if it is PyTorch weights, convert it to"
          + " safetensors";
    }
    if (text.startsWith("\u0080\u0002") || text.startsWith("\u0080\u0004")) {
      return "it is a Python pickle, probably PyTorch weights: convert them to safetensors";
    }
    if (text.startsWith("lmgg") || text.startsWith("fmgg") || text.startsWith("tjgg")) {
      return "it is a GGML file from before GGUF: convert the original model again";
    }
    if (text.startsWith("\u001f\u008b")) {
      return "it is gzip-compressed: unpack it";
    }
    String trimmed = text.stripLeading();
    if (trimmed.startsWith("<")) {
      return "it is an HTML or XML page, probably a failed download: download it again";
    }
    if (text.length() > 8 && text.charAt(8) == '{') {
      return "it is a safetensors file: give the folder that holds it and its config.json";
    }
    if (trimmed.startsWith("{")) {
      return "it is JSON: give the model's .gguf file or folder";
    }
    return "its first bytes are " + hex(head);
  }

  private static String hex(byte[] head) {
    StringBuilder hex = new StringBuilder();
    for (int i = 0; i < Math.min(8, head.length); i++) {
      hex.append(i == 0 ? "" : " ").append(Character.forDigit((head[i] >> 4) & 15, 16));
      hex.append(Character.forDigit(head[i] & 15, 16));
    }
    return hex.toString();
  }
}
