package dev.jangle.cli.pull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.ModelConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** A model on the Hugging Face hub: the files of one commit that Jangle reads. */
final class HubSource implements ModelSource {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String REVISION_FILE = ".revision";

  private final Terminal terminal;
  private final HubName name;
  private final Transfer transfer;

  HubSource(Terminal terminal, HubName name, Transfer transfer) {
    this.terminal = terminal;
    this.name = name;
    this.transfer = transfer;
  }

  @Override
  public String fetch(Path folder) throws IOException, InterruptedException {
    JsonNode listing = listing();
    String commit = listing.path("sha").asText();
    if (!commit.matches("[0-9a-f]{7,64}")) {
      throw new Failure(listingAddress() + ": the answer names no commit (sha)");
    }
    List<HubFile> files = HubListing.wanted(name, listing);
    keepOnly(folder, commit);
    long total = files.stream().mapToLong(HubFile::bytes).sum();
    long missing = total;
    for (HubFile file : files) {
      missing -= folder.resolve(file.name()).toFile().length();
      missing -= folder.resolve(file.name() + ".part").toFile().length();
    }
    transfer.disk().requireSpace(folder, missing);
    download(folder, commit, files, total);
    return HubListing.license(listing);
  }

  private void download(Path folder, String commit, List<HubFile> files, long total)
      throws IOException, InterruptedException {
    try (Progress progress = new Progress(terminal, "pulling " + name, Progress.Unit.BYTES)) {
      long before = 0;
      for (HubFile file :
          files.stream().sorted(Comparator.comparingLong(HubFile::bytes)).toList()) {
        Path target = folder.resolve(file.name());
        long done = before;
        if (!Files.exists(target)) {
          URI uri = address("/" + name.repository() + "/resolve/" + commit + "/" + file.name());
          transfer.download(uri, file, target, bytes -> progress.update(done + bytes, total));
        }
        before += file.bytes();
        progress.update(before, total);
        if (file.name().equals("config.json")) {
          requireSupported(target);
        }
      }
    }
  }

  /** Small files come first, so this is known before the weights. */
  private void requireSupported(Path config) throws IOException {
    JsonNode json;
    try {
      json = MAPPER.readTree(config.toFile());
    } catch (JsonProcessingException e) {
      throw new Failure(name + ": its config.json is not JSON", e);
    }
    String type = json.path("model_type").asText();
    if (!ModelConfig.ARCHITECTURES.contains(type)) {
      throw new Failure(
          "%s is of type %s, which is not supported; supported: %s"
              .formatted(name, type, String.join(", ", ModelConfig.ARCHITECTURES)));
    }
    if (json.hasNonNull("quantization_config")) {
      throw new Failure(
          name
              + " is quantized (quantization_config in its config.json), which is not supported;"
              + " pull the model that it was made from");
    }
  }

  /** What an earlier attempt left is of use only if it is of the same commit. */
  private static void keepOnly(Path folder, String commit) throws IOException {
    Path mark = folder.resolve(REVISION_FILE);
    if (!Files.exists(mark) || !Files.readString(mark).equals(commit)) {
      ModelPuller.deleteTree(folder);
      Files.createDirectories(folder);
      Files.writeString(mark, commit);
    }
  }

  private JsonNode listing() throws InterruptedException {
    URI uri = listingAddress();
    try (HubClient.Answer answer = transfer.client().get(uri, 0)) {
      if (answer.status() != 200) {
        throw HubErrors.refused(transfer.client(), uri, answer.status());
      }
      return MAPPER.readTree(answer.body());
    } catch (JsonProcessingException e) {
      throw new Failure(uri + ": the answer is not JSON; is HF_ENDPOINT a hub?", e);
    } catch (IOException e) {
      String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      throw new Failure(
          "cannot reach "
              + transfer.client().endpoint()
              + " ("
              + reason
              + "); check the connection, or set HF_ENDPOINT to a mirror",
          e);
    }
  }

  private URI listingAddress() {
    String revision = name.revision().replace("/", "%2F");
    return address("/api/models/" + name.repository() + "/revision/" + revision + "?blobs=true");
  }

  private URI address(String path) {
    return URI.create(transfer.client().endpoint() + path);
  }
}
