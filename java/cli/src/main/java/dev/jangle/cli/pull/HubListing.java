package dev.jangle.cli.pull;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.cli.term.Failure;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Picks what Jangle reads from the hub's answer about a model. */
final class HubListing {
  private static final Set<String> SMALL =
      Set.of(
          "config.json",
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "chat_template.jinja");
  private static final String INDEX = "model.safetensors.index.json";
  private static final String WEIGHTS = "model\\.safetensors|model-\\d+-of-\\d+\\.safetensors";

  private HubListing() {}

  /**
   * The files to download: configuration, tokenizer, weights.
   *
   * @throws Failure where the model has no weights in a format that Jangle reads, or lacks what
   *     they need
   */
  static List<HubFile> wanted(HubName name, JsonNode listing) {
    List<HubFile> files = new ArrayList<>();
    boolean config = false;
    boolean tokenizer = false;
    boolean weights = false;
    boolean gguf = false;
    for (JsonNode sibling : listing.path("siblings")) {
      String file = sibling.path("rfilename").asText();
      config |= file.equals("config.json");
      tokenizer |= file.equals("tokenizer.json");
      weights |= file.matches(WEIGHTS);
      gguf |= file.endsWith(".gguf");
      if (SMALL.contains(file) || file.equals(INDEX) || file.matches(WEIGHTS)) {
        files.add(
            HubFile.of(sibling)
                .orElseThrow(
                    () -> new Failure(name + ": the hub's answer has no size of " + file)));
      }
    }
    if (!config || !weights) {
      throw new Failure(
          gguf
              ? name + " holds GGUF files; download one of them and give its path to -m"
              : name
                  + " has no "
                  + (config ? "model.safetensors" : "config.json")
                  + "; only models in the safetensors format are supported");
    }
    if (!tokenizer) {
      throw new Failure(name + " has no tokenizer.json; a model without it is not supported");
    }
    return files;
  }

  /** The licence that the publisher names. */
  static String license(JsonNode listing) {
    String license = listing.path("cardData").path("license").asText();
    String name = listing.path("cardData").path("license_name").asText();
    if (license.equals("other") && !name.isEmpty()) {
      return name;
    }
    return license.isEmpty() ? "not stated; see the model's page" : license;
  }
}
