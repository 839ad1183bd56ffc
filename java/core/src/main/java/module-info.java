/** Jangle: several tokens per forward pass, with the output bits of plain decoding. */
module dev.jangle {
  requires com.fasterxml.jackson.databind;
  requires ai.djl.tokenizers;
}
