package dev.jangle.smollm2;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.UUID;

/**
 * A LoRA adapter for SmolLM2-135M-Instruct that was trained with noise (Make Some Noise, arXiv
 * 2406.17404), in PEFT's layout: what {@code ModelOptions.withAdapter} takes. How it was made, and
 * what it gains, says the model card, {@code README.md} beside it.
 *
 * <p>Stateless and thread-safe.
 */
public final class MsnAdapter {
  /** What the command line calls it. */
  public static final String NAME = "smollm2-msn";

  /** The configuration comes last: a folder that has one is complete. */
  private static final String[] FILES = {
    "README.md", "adapter_model.safetensors", "adapter_config.json"
  };

  private static final int HASH_BYTES = 8;

  private MsnAdapter() {}

  /**
   * Writes the adapter's files into a folder, each whole or not at all; files that are there with
   * the same bytes stay as they are.
   *
   * @param folder made where it does not exist
   * @return the folder
   * @throws IOException where a file cannot be written
   */
  public static Path writeTo(Path folder) throws IOException {
    Files.createDirectories(folder);
    for (String file : FILES) {
      byte[] bytes = bytes(file);
      Path to = folder.resolve(file);
      if (Files.exists(to) && Arrays.equals(bytes, Files.readAllBytes(to))) {
        continue;
      }
      // Not a temporary file as Java makes them: nobody but its owner could read that.
      Path part = folder.resolve(file + "." + UUID.randomUUID() + ".part");
      try {
        Files.write(part, bytes, StandardOpenOption.CREATE_NEW);
        Files.move(part, to, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    }
    return folder;
  }

  /**
   * Sixteen hexadecimal digits that stand for the files' content: another training has others.
   *
   * @throws IOException where the files cannot be read
   */
  public static String contentHash() throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String file : FILES) {
        digest.update(bytes(file));
      }
      return HexFormat.of().formatHex(digest.digest(), 0, HASH_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private static byte[] bytes(String file) throws IOException {
    try (InputStream in = MsnAdapter.class.getResourceAsStream(file)) {
      return in.readAllBytes();
    }
  }
}
