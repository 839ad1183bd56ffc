/**
 * Models for other programs: Hugging Face folders and GGUF files, with an adapter merged in where
 * one is given.
 *
 * {@snippet :
 * try (Checkpoint base = Checkpoint.open(Path.of("SmolLM2-135M-Instruct.Q4_1.gguf"))) {
 *   LoraAdapter adapter = LoraAdapter.open(Path.of("adapter"), base);
 *   Export.huggingFace(base, adapter, DType.BF16, Path.of("merged"), (done, total) -> {});
 * }
 * }
 */
package dev.jangle.export;
