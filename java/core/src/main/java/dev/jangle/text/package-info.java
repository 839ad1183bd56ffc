/**
 * Text in and out of a model: tokenizers, chat templates, and the decoding of a stream of tokens.
 *
 * <pre>{@code
 * try (Tokenizer tokenizer = Tokenizer.open(source)) {
 *   int[] prompt = tokenizer.encodeChat(List.of(new ChatMessage("user", "Hello")), true);
 *   StreamingDecoder decoder = new StreamingDecoder(tokenizer, true);
 *   for (int id : generated) {
 *     System.out.print(decoder.push(id));
 *   }
 *   System.out.println(decoder.flush());
 * }
 * }</pre>
 */
package dev.jangle.text;
