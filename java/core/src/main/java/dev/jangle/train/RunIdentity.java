package dev.jangle.train;

import dev.jangle.format.Checkpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * All that decides what a run computes, as texts under names that a person knows: two runs with
 * equal ones give equal weights on one machine. Immutable.
 *
 * @param facts in the order in which they are shown
 */
record RunIdentity(Map<String, String> facts) {
  RunIdentity {
    facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts));
  }

  /**
   * Reads all files once more for their fingerprints.
   *
   * @param steps of the run, also where the options give epochs
   * @param products how they are computed, and where
   */
  static RunIdentity of(
      Checkpoint model,
      List<Path> files,
      TrainingData data,
      TrainingOptions options,
      int steps,
      String products)
      throws IOException {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("weights", options.lora().map(LoraOptions::toString).orElse("all"));
    if (options.start().isPresent()) {
      Path start = options.start().get();
      facts.put("from", "sha256 " + Fingerprint.of(start.resolve("adapter_model.safetensors")));
    }
    facts.put("noise", options.noise().toString());
    facts.put("rate", Double.toString(options.rate()));
    facts.put("warm-up", Double.toString(options.warmUp()));
    facts.put("steps", Integer.toString(steps));
    facts.put("length", Integer.toString(options.length()));
    facts.put("rows", Integer.toString(options.rows()));
    facts.put("decay", Double.toString(options.decay()));
    facts.put("clip", Double.toString(options.clip()));
    facts.put("seed", Long.toString(options.seed()));
    facts.put("learn-prompts", Boolean.toString(options.learnPrompts()));
    facts.put("too-long", options.tooLong().toString());
    facts.put("products", products);
    facts.put("model", "sha256 " + Fingerprint.of(model));
    for (int i = 0; i < files.size(); i++) {
      facts.put(
          "data file " + (i + 1),
          files.get(i).getFileName() + ", sha256 " + Fingerprint.of(files.get(i)));
    }
    // The tokens, too: they change with the tokenizer and its chat template.
    facts.put(
        "samples", data.samples().size() + " samples, sha256 " + Fingerprint.of(data.samples()));
    return new RunIdentity(facts);
  }

  /** What is not the same in another run: a line for each name. Empty for the same run. */
  List<String> differences(RunIdentity other) {
    Set<String> names = new LinkedHashSet<>(facts.keySet());
    names.addAll(other.facts.keySet());
    List<String> differences = new ArrayList<>();
    for (String name : names) {
      String here = facts.getOrDefault(name, "none");
      String there = other.facts.getOrDefault(name, "none");
      if (!Objects.equals(here, there)) {
        differences.add("%s is %s now, was %s".formatted(name, here, there));
      }
    }
    return differences;
  }
}
