/**
 * Reads model files: GGUF, and Hugging Face folders of safetensors with {@code config.json}.
 *
 * <p>Both give the same {@link dev.jangle.format.Checkpoint}: tensors under Hugging Face's names
 * and in its layout, and a {@link dev.jangle.format.ModelConfig}. Weights are memory-mapped, never
 * read ahead.
 *
 * {@snippet :
 * try (Checkpoint checkpoint = Checkpoint.open(Path.of("SmolLM2-135M-Instruct.Q4_1.gguf"))) {
 *   Tensor embedding = checkpoint.tensor("model.embed_tokens.weight");
 *   System.out.println(embedding.dtype() + " " + embedding.rows() + " x " + embedding.cols());
 * }
 * }
 *
 * <p>Files are not trusted. A number in a header is compared with what is left of the file before
 * anything is allocated or read for it, and whatever this library cannot compute is refused by name
 * with a {@link dev.jangle.format.FormatException}.
 */
package dev.jangle.format;
