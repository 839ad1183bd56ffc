package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The bindings are those of {@code jangle.h}: the functions, and types of all arguments. */
class HeaderTest {
  private static final Pattern FUNCTION =
      Pattern.compile("JG_API\\s+([\\w\\s]+?[\\s*]+)(jg_\\w+)\\s*\\(([^)]*)\\)\\s*;");

  private static final String HEADER = header();

  /** The header without comments. */
  private static String header() {
    Path file = Path.of(System.getProperty("jangle.root"), "native-build/include/jangle.h");
    try {
      return Files.readString(file).replaceAll("(?s)/\\*.*?\\*/", " ");
    } catch (IOException e) {
      throw new AssertionError("cannot read " + file, e);
    }
  }

  /** Descriptor of each function of the header. */
  static Map<String, FunctionDescriptor> functions() {
    Map<String, FunctionDescriptor> functions = new LinkedHashMap<>();
    Matcher matcher = FUNCTION.matcher(HEADER);
    while (matcher.find()) {
      List<MemoryLayout> arguments = new ArrayList<>();
      String list = matcher.group(3).strip();
      if (!list.equals("void")) {
        for (String argument : list.split(",", -1)) {
          arguments.add(layout(argument));
        }
      }
      functions.put(
          matcher.group(2),
          FunctionDescriptor.of(layout(matcher.group(1)), arguments.toArray(MemoryLayout[]::new)));
    }
    return functions;
  }

  /** The layout of a C type, with or without a name after it. */
  private static MemoryLayout layout(String declaration) {
    if (declaration.contains("*")) {
      return ADDRESS;
    }
    return switch (declaration.strip().split("\\s+", -1)[0]) {
      case "int32_t" -> JAVA_INT;
      case "int64_t", "uint64_t" -> JAVA_LONG;
      case "float" -> JAVA_FLOAT;
      case "double" -> JAVA_DOUBLE;
      default -> throw new AssertionError("no Java type for " + declaration);
    };
  }

  @Test
  void everyDeclarationIsUnderstood() {
    assertEquals(HEADER.split("JG_API\\s", -1).length - 2, functions().size()); // one is #define
    assertTrue(functions().size() > 40);
  }

  @Test
  void functionsAreTheHeaders() {
    assertEquals(functions().keySet(), Bindings.DESCRIPTORS.keySet());
    functions()
        .forEach((name, expected) -> assertEquals(expected, Bindings.DESCRIPTORS.get(name), name));
  }

  @Test
  void versionIsTheHeaders() {
    Matcher matcher = Pattern.compile("#define JG_ABI_VERSION (\\d+)").matcher(HEADER);
    assertTrue(matcher.find());
    assertEquals(Integer.parseInt(matcher.group(1)), Bindings.VERSION);
  }
}
