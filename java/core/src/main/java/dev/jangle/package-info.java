/**
 * The public API: language models that write several tokens per forward pass, with the output of
 * plain decoding. A {@link dev.jangle.Model} answers a prompt:
 *
 * {@snippet lang="java" :
 * public static void main(String[] args) throws IOException {
 *   try (Model model = Model.open(Path.of(args[0]))) {
 *     GenerationResult result =
 *         model.generate("Why is the sky blue?", GenerationOptions.defaults());
 *     System.out.println(result.text());
 *   }
 * }
 * }
 *
 * <p>A {@link dev.jangle.Session} keeps a conversation and its KV cache, so that a turn computes
 * only what is new; a {@link dev.jangle.TokenStream} gives the tokens as they come. A model may be
 * shared by all threads, a session has one owner. Both hold memory outside the Java heap until they
 * are closed.
 *
 * <p>Start Java with {@code --enable-native-access=dev.jangle,ai.djl.tokenizers}.
 */
package dev.jangle;
