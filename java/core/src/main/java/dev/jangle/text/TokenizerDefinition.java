package dev.jangle.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * A tokenizer as a file defines it.
 *
 * @param file where it comes from, for messages
 * @param json a {@code tokenizer.json}, read or made from a GGUF vocabulary
 * @param bos the token that begins a text, or -1
 * @param ends ids that the file says end an answer
 * @param template the chat template, or null
 * @param names the variables that the template sees: {@code bos_token}, {@code eos_token}, ...
 */
record TokenizerDefinition(
    Path file,
    ObjectNode json,
    int bos,
    Set<Integer> ends,
    String template,
    Map<String, String> names) {}
