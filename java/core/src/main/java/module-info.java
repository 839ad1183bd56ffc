/** Jangle: several tokens per forward pass, with the output bits of plain decoding. */
module dev.jangle {
  requires com.fasterxml.jackson.databind;
  requires ai.djl.tokenizers;
  requires org.slf4j; // ai.djl.tokenizers has no descriptor that says so

  exports dev.jangle;
  exports dev.jangle.backend;
  exports dev.jangle.cache;
  exports dev.jangle.decode;
  exports dev.jangle.export;
  exports dev.jangle.format;
  exports dev.jangle.model;
  exports dev.jangle.text;
  exports dev.jangle.train;
}
