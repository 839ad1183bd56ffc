package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Pipes;
import dev.jangle.cli.term.Terminal;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pulling a model from a hub on this machine that refuses, breaks off and lies. */
class PullTest {
  private static final int BYTES = 1_000_000;
  private static final String LLAMA = "{\"model_type\": \"llama\"}";

  @TempDir Path home;
  private final byte[] weights = new byte[BYTES];
  private final ByteArrayOutputStream notes = new ByteArrayOutputStream();
  private Duration patience = Duration.ofMinutes(1);
  private TinyHub hub;

  private TinyHub open(String config) throws IOException {
    new Random(1).nextBytes(weights);
    hub = new TinyHub(config, weights, sha256(weights));
    return hub;
  }

  @AfterEach
  void close() throws IOException {
    if (hub != null) {
      hub.close();
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private Path pull(DiskWriter disk, String... more) throws IOException, InterruptedException {
    return pull(TinyHub.NAME, disk, more);
  }

  private Path pull(String name, DiskWriter disk, String... more)
      throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>();
    environment.put("JANGLE_HOME", home.toString());
    environment.put("HF_ENDPOINT", hub.address());
    for (int i = 0; i < more.length; i += 2) {
      environment.put(more[i], more[i + 1]);
    }
    Terminal terminal = Pipes.of(environment, notes);
    return new ModelPuller(
            terminal,
            new ModelStore(terminal),
            () -> new Transfer(terminal, disk, Duration.ofMillis(1), patience),
            List.of("/no/python"))
        .pull(name);
  }

  private Path whole() {
    return home.resolve("models/tiny--model");
  }

  private Path part() {
    return home.resolve("models/.tiny--model.partial/model.safetensors.part");
  }

  private String refused(DiskWriter disk, String... more) {
    String message = assertThrows(Failure.class, () -> pull(disk, more)).getMessage();
    assertFalse(Files.exists(whole()), "nothing half done has the model's name");
    return message;
  }

  private static void assertContains(String text, String... words) {
    for (String word : words) {
      assertTrue(text.contains(word), () -> "\"" + word + "\" is not in: " + text);
    }
  }

  private void assertPulled(Path path) throws IOException {
    assertEquals(whole(), path);
    assertArrayEquals(weights, Files.readAllBytes(path.resolve("model.safetensors")));
    assertTrue(Files.exists(path.resolve("config.json")));
    assertFalse(Files.exists(path.resolve("README.md")), "only what Jangle reads");
  }

  @Test
  void aModelIsPulledOnce() throws Exception {
    open(LLAMA);
    assertPulled(pull(new DiskWriter()));
    assertContains(notes.toString(StandardCharsets.UTF_8), "pulled hf:tiny/model", "apache-2.0");
    int requests = hub.requests.size();
    assertPulled(pull(new DiskWriter()));
    assertEquals(requests, hub.requests.size(), "it is here already");
  }

  @Test
  void aCutConnectionIsResumedWhereItBroke() throws Exception {
    open(LLAMA);
    hub.breakOff = from -> from + 300_000;
    hub.cuts.set(2);
    assertPulled(pull(new DiskWriter()));
    List<String> ranges = hub.downloads().stream().map(TinyHub.Request::range).toList();
    assertEquals(3, ranges.size(), ranges.toString());
    assertEquals("", ranges.get(0));
    // The client may drop what came last before the break, never more than came.
    long second = from(ranges.get(1));
    long third = from(ranges.get(2));
    assertTrue(second > 0 && second <= 300_000, ranges.toString());
    assertTrue(third > second && third <= second + 300_000, ranges.toString());
  }

  private static long from(String range) {
    return Long.parseLong(range.replaceAll("bytes=(\\d+)-", "$1"));
  }

  /** The first pull loads classes, which takes longer than a short patience on a busy machine. */
  @Test
  void aServerThatGoesSilentIsAskedAgain() throws Exception {
    open(LLAMA);
    ModelPuller.deleteTree(pull(new DiskWriter()));
    int before = hub.downloads().size();
    patience = Duration.ofSeconds(3);
    hub.unanswered.set(1);
    hub.silent = true;
    hub.breakOff = from -> from + 300_000;
    hub.cuts.set(1);
    assertPulled(pull(new DiskWriter()));
    List<TinyHub.Request> downloads = hub.downloads().subList(before, hub.downloads().size());
    assertEquals(3, downloads.size(), downloads.toString());
    assertTrue(from(downloads.get(2).range()) > 0, downloads.toString());
  }

  @Test
  void aServerWithoutRangesSendsAllAgain() throws Exception {
    open(LLAMA);
    hub.breakOff = from -> from + 300_000;
    hub.cuts.set(1);
    hub.ranges = false;
    assertPulled(pull(new DiskWriter()));
    assertEquals(2, hub.downloads().size());
  }

  @Test
  void aServerThatKeepsBreakingOffIsGivenUpAndTheNextPullGoesOn() throws Exception {
    open(LLAMA);
    hub.breakOff = from -> 400_000;
    hub.cuts.set(100);
    assertContains(refused(new DiskWriter()), "400,000 of 1,000,000", "run the same command again");
    assertEquals(400_000, Files.size(part()));
    hub.cuts.set(0);
    int before = hub.downloads().size();
    assertPulled(pull(new DiskWriter()));
    assertEquals("bytes=400000-", hub.downloads().get(before).range());
  }

  @Test
  void anotherContentIsRefusedAndRemoved() throws Exception {
    new Random(1).nextBytes(weights);
    hub = new TinyHub(LLAMA, weights, sha256(new byte[1]));
    assertContains(refused(new DiskWriter()), "sha256", sha256(weights), "removed");
    assertFalse(Files.exists(part()));
  }

  @Test
  void aFullDiskIsToldAndNothingIsLost() throws Exception {
    open(LLAMA);
    DiskWriter full =
        new DiskWriter() {
          @Override
          OutputStream open(Path file, boolean append) throws IOException {
            OutputStream out = super.open(file, append);
            return new OutputStream() {
              private int there;

              @Override
              public void write(int value) {
                throw new UnsupportedOperationException();
              }

              @Override
              public void write(byte[] bytes, int from, int count) throws IOException {
                there += count;
                if (there > BYTES / 2) {
                  throw new IOException("No space left on device");
                }
                out.write(bytes, from, count);
              }

              @Override
              public void close() throws IOException {
                out.close();
              }
            };
          }
        };
    assertContains(refused(full), "No space left on device", "make room");
    long kept = Files.size(part());
    assertTrue(kept > 0 && kept < BYTES, "kept " + kept);
    int before = hub.downloads().size();
    assertPulled(pull(new DiskWriter()));
    assertEquals("bytes=" + kept + "-", hub.downloads().get(before).range());
  }

  @Test
  void tooLittleSpaceIsToldBeforeAnythingIsDownloaded() throws Exception {
    open(LLAMA);
    DiskWriter small =
        new DiskWriter() {
          @Override
          long usableBytes(Path folder) {
            return BYTES / 2;
          }
        };
    assertContains(refused(small), "not enough space", "JANGLE_HOME");
    assertEquals(List.of(), hub.downloads());
  }

  @Test
  void aModelThatIsNotSupportedIsRefusedBeforeItsWeights() throws Exception {
    open("{\"model_type\": \"mamba\"}");
    assertContains(refused(new DiskWriter()), "mamba", "llama");
    assertEquals(List.of(), hub.downloads());
  }

  @Test
  void aQuantizedModelIsRefusedBeforeItsWeights() throws Exception {
    open("{\"model_type\": \"llama\", \"quantization_config\": {\"quant_method\": \"gptq\"}}");
    assertContains(refused(new DiskWriter()), "quantized", "quantization_config");
    assertEquals(List.of(), hub.downloads());
  }

  @ParameterizedTest
  @CsvSource({"401, HF_TOKEN", "403, HF_TOKEN", "404, check the name", "418, 418"})
  void refusalsSayWhatToDo(int status, String advice) throws Exception {
    open(LLAMA);
    hub.status = status;
    assertContains(refused(new DiskWriter()), Integer.toString(status), advice);
  }

  @Test
  void theTokenIsSent() throws Exception {
    open(LLAMA);
    pull(new DiskWriter(), "HF_TOKEN", "secret");
    hub.requests.forEach(request -> assertEquals("Bearer secret", request.token()));
  }

  @Test
  void theTokenIsNotForOtherHosts() throws Exception {
    open(LLAMA);
    try (TinyHub mirror = new TinyHub(LLAMA, weights, sha256(weights))) {
      hub.mirror = mirror.address();
      assertPulled(pull(new DiskWriter(), "HF_TOKEN", "secret"));
      assertEquals("Bearer secret", hub.downloads().getFirst().token());
      assertEquals("", mirror.downloads().getFirst().token());
    }
  }

  @Test
  void aRedirectKeepsToHttps() throws Exception {
    URI at = URI.create("https://hub/a/b");
    assertEquals(URI.create("https://hub/c"), HubClient.next(at, "/c"));
    assertEquals(URI.create("https://cdn/c"), HubClient.next(at, "https://cdn/c"));
    assertThrows(IOException.class, () -> HubClient.next(at, "http://hub/c"));
    assertThrows(IOException.class, () -> HubClient.next(at, "file:/etc/passwd"));
  }

  @Test
  void theEnvironmentsProxyIsAsked() throws Exception {
    open(LLAMA);
    pull(new DiskWriter(), "HF_ENDPOINT", "http://hub.invalid", "http_proxy", hub.address());
    hub.requests.forEach(
        request -> assertTrue(request.path().startsWith("http://hub.invalid/"), request.path()));
  }

  @Test
  void aWrongEndpointConcernsTheHubsModelsAlone() throws Exception {
    open(LLAMA);
    String[] wrong = {"HF_ENDPOINT", "huggingface.co"};
    assertContains(refused(new DiskWriter(), wrong), "HF_ENDPOINT is huggingface.co");
    assertContains(
        assertThrows(Failure.class, () -> pull("smollm2", new DiskWriter(), wrong)).getMessage(),
        "/no/python was not found");
  }

  @Test
  void aHubThatCannotBeReachedIsNamed() throws Exception {
    open(LLAMA);
    hub.close();
    assertContains(refused(new DiskWriter()), hub.address(), "HF_ENDPOINT");
  }
}
