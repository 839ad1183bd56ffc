package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.model.NanLogitsException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A weight that is not a number: a helpful error, and everything else goes on. */
class NanWeightsTest {
  private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(20);

  /** The token of the byte Z: three special tokens, then the bytes. */
  private static final int Z = 3 + 'Z';

  @TempDir private Path temporary;

  private static void fails(Session session, String prompt, GenerationOptions options) {
    NanLogitsException e =
        assertThrows(NanLogitsException.class, () -> session.send(prompt, options));
    assertTrue(e.getMessage().contains("NaN"), e::getMessage);
    assertTrue(e.getMessage().contains("weights"), e::getMessage);
    assertTrue(e.getMessage().contains("another format"), e::getMessage);
  }

  @ParameterizedTest
  @EnumSource
  void everyWayToDecodeSaysSo(Decoding decoding) throws IOException {
    Path folder =
        TinyFolder.write(
            temporary,
            true,
            (name, data) -> {
              if (name.equals("model.layers.1.mlp.down_proj.weight")) {
                data.putFloat(4 * 37, Float.NaN);
              }
            });
    try (Model model = Model.open(folder, ModelOptions.defaults().withThreads(2));
        Session session = model.openSession()) {
      GenerationOptions options = OPTIONS.withDecoding(decoding);
      fails(session, "hello", options);
      fails(session, "hello", options.withTemperature(1).withTopK(3).withTopP(0.9));
      fails(session, "hello", options.withRaw(true));
      assertEquals(List.of(), session.messages());
      assertThrows(ArithmeticException.class, model::stepCosts);
    }
    assertTheNextModelWorks(temporary.resolve("good"));
  }

  /** Only one token's embedding is damaged: what does not meet it is not disturbed. */
  @ParameterizedTest
  // AUTO measures T(m) first, on other tokens than a text's.
  @EnumSource(names = {"PLAIN", "JACOBI", "PAPER"})
  void theSessionGoesOn(Decoding decoding) throws IOException {
    Path folder =
        TinyFolder.write(
            temporary,
            true,
            (name, data) -> {
              int hidden = data.capacity() / 4 / 288;
              if (name.equals("model.embed_tokens.weight")) {
                data.putFloat(4 * (Z * hidden + 1), Float.NaN);
              } else if (name.equals("lm_head.weight")) {
                for (int i = 0; i < hidden; i++) {
                  data.putFloat(4 * (Z * hidden + i), 0); // so that no answer has a Z
                }
              }
            });
    GenerationOptions options = OPTIONS.withDecoding(Decoding.PLAIN);
    try (Model model = Model.open(folder, ModelOptions.defaults().withThreads(2));
        Session session = model.openSession();
        Session good = model.openSession()) {
      assertEquals(Z, model.tokenizer().encode("Z", false, false)[0]);
      assertEquals(good.send("a", options).text(), session.send("a", options).text());
      List<?> messages = session.messages();
      fails(session, "b Z b", options.withDecoding(decoding));
      assertEquals(messages, session.messages());
      GenerationResult expected = good.send("c", options);
      GenerationResult found = session.send("c", options);
      assertEquals(expected.tokens(), found.tokens());
    }
  }

  private static void assertTheNextModelWorks(Path folder) throws IOException {
    try (Model model = Model.open(TinyFolder.chat(folder))) {
      assertTrue(model.generate("hello", OPTIONS).statistics().promptTokens() > 0);
    }
  }
}
