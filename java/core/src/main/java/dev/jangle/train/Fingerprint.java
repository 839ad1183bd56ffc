package dev.jangle.train;

import dev.jangle.format.Checkpoint;
import dev.jangle.format.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;

/** SHA-256 of what a run is made from: two runs of equal fingerprints begin with equal numbers. */
final class Fingerprint {
  private static final int BUFFER_BYTES = 1 << 20;

  private final MessageDigest digest;

  private Fingerprint() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Of a file's bytes. */
  static String of(Path file) throws IOException {
    Fingerprint fingerprint = new Fingerprint();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        fingerprint.digest.update(buffer, 0, n);
      }
    }
    return fingerprint.hex();
  }

  /** Of the weights, and of the sizes and constants that they do not show. */
  static String of(Checkpoint checkpoint) {
    Fingerprint fingerprint = new Fingerprint();
    fingerprint.add(checkpoint.config().toString());
    for (String name : new TreeSet<>(checkpoint.names())) {
      Tensor tensor = checkpoint.tensor(name);
      fingerprint.add("%s %s %s".formatted(name, tensor.dtype(), Arrays.toString(tensor.shape())));
      long bytes = tensor.data().byteSize();
      for (long at = 0; at < bytes; at += BUFFER_BYTES) {
        long count = Math.min(BUFFER_BYTES, bytes - at);
        fingerprint.digest.update(tensor.data().asSlice(at, count).asByteBuffer());
      }
    }
    return fingerprint.hex();
  }

  /** Of a text. */
  static String of(String text) {
    Fingerprint fingerprint = new Fingerprint();
    fingerprint.add(text);
    return fingerprint.hex();
  }

  /** Of the tokens, and of what is learnt of them. */
  static String of(List<Sample> samples) {
    Fingerprint fingerprint = new Fingerprint();
    for (Sample sample : samples) {
      ByteBuffer bytes = ByteBuffer.allocate((1 + sample.length()) * Integer.BYTES);
      bytes.putInt(sample.length());
      for (int i = 0; i < sample.length(); i++) {
        int marks = (sample.written(i) ? 1 : 0) + (sample.learnt(i) ? 2 : 0);
        bytes.putInt(sample.token(i) << 2 | marks);
      }
      fingerprint.digest.update(bytes.flip());
    }
    return fingerprint.hex();
  }

  private void add(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
    digest.update(bytes);
  }

  private String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
