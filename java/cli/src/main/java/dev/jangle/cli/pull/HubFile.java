package dev.jangle.cli.pull;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A file as the hub lists it.
 *
 * @param name its path in the repository
 * @param bytes its size
 * @param sha256 of a large file (LFS); else empty
 * @param gitBlob Git's name of a small file; else empty
 */
record HubFile(String name, long bytes, Optional<String> sha256, Optional<String> gitBlob) {
  private static final String SHA256 = "[0-9a-f]{64}";
  private static final String SHA1 = "[0-9a-f]{40}";

  /** A file of the hub's list; empty where the size is missing. */
  static Optional<HubFile> of(JsonNode sibling) {
    JsonNode lfs = sibling.path("lfs");
    JsonNode size = lfs.path("size").isNumber() ? lfs.path("size") : sibling.path("size");
    if (!size.isIntegralNumber() || size.longValue() < 0) {
      return Optional.empty();
    }
    Optional<String> sha256 = Optional.of(lfs.path("sha256").asText()).filter(HubFile::isSha256);
    Optional<String> gitBlob =
        Optional.of(sibling.path("blobId").asText())
            .filter(id -> lfs.isMissingNode() && id.matches(SHA1));
    return Optional.of(
        new HubFile(sibling.path("rfilename").asText(), size.longValue(), sha256, gitBlob));
  }

  private static boolean isSha256(String text) {
    return text.matches(SHA256);
  }

  /**
   * What is wrong with a downloaded file, or null.
   *
   * @param linkedEtag what the server called the file while it sent it
   */
  String problem(Path file, Optional<String> linkedEtag) throws IOException {
    Optional<String> wanted = sha256.or(() -> linkedEtag.filter(HubFile::isSha256));
    if (wanted.isPresent()) {
      String found = Digests.sha256(file);
      return found.equals(wanted.get())
          ? null
          : "the file has sha256 " + found + ", expected " + wanted.get();
    }
    if (gitBlob.isPresent()) {
      String found = Digests.gitBlob(file);
      return found.equals(gitBlob.get())
          ? null
          : "the file has Git hash " + found + ", expected " + gitBlob.get();
    }
    return null;
  }
}
