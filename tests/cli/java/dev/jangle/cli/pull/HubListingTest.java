package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.cli.term.Failure;
import java.util.List;
import org.junit.jupiter.api.Test;

class HubListingTest {
  private static final HubName NAME = HubName.parse("hf:org/name").orElseThrow();

  private static ObjectNode listing(String... files) {
    ObjectNode listing = new ObjectMapper().createObjectNode();
    for (String file : files) {
      listing.withArray("siblings").addObject().put("rfilename", file).put("size", 1);
    }
    return listing;
  }

  private static void assertRefused(String words, String... files) {
    Failure failure = assertThrows(Failure.class, () -> HubListing.wanted(NAME, listing(files)));
    assertTrue(failure.getMessage().contains(words), failure.getMessage());
  }

  @Test
  void onlyWhatJangleReadsIsWanted() {
    List<HubFile> files =
        HubListing.wanted(
            NAME,
            listing("README.md", "config.json", "model.safetensors", "tokenizer.json", "x.bin"));
    assertEquals(
        List.of("config.json", "model.safetensors", "tokenizer.json"),
        files.stream().map(HubFile::name).toList());
  }

  @Test
  void whatIsMissingIsNamedBeforeAnythingIsDownloaded() {
    assertRefused("no config.json", "model.safetensors", "tokenizer.json");
    assertRefused("no model.safetensors", "config.json", "tokenizer.json", "pytorch_model.bin");
    assertRefused("no tokenizer.json", "config.json", "model.safetensors", "tokenizer.model");
    assertRefused("holds GGUF files", "model.gguf");
  }
}
