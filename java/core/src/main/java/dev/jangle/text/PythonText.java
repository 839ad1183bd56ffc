package dev.jangle.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Python's string operations, which count in code points and have their own white space. */
final class PythonText {
  private PythonText() {}

  /** {@code str.isspace} of one character. */
  static boolean isSpace(int c) {
    return (c >= 0x09 && c <= 0x0D)
        || (c >= 0x1C && c <= 0x20)
        || c == 0x85
        || c == 0xA0
        || c == 0x1680
        || (c >= 0x2000 && c <= 0x200A)
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }

  /** Whether the text is not empty and all of it is white space. */
  static boolean isBlank(String text) {
    return !text.isEmpty() && text.chars().allMatch(PythonText::isSpace);
  }

  /** Strips these characters, white space where null. */
  static String strip(String text, String characters) {
    return stripLeft(stripRight(text, characters), characters);
  }

  static String stripLeft(String text, String characters) {
    int start = 0;
    while (start < text.length() && strips(text.codePointAt(start), characters)) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  static String stripRight(String text, String characters) {
    int end = text.length();
    while (end > 0 && strips(text.codePointBefore(end), characters)) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  private static boolean strips(int c, String characters) {
    return characters == null ? isSpace(c) : characters.indexOf(c) >= 0;
  }

  /**
   * {@code str.split}: at white space where {@code separator} is null, at most {@code max} cuts.
   */
  static List<Object> split(String text, String separator, long max) {
    List<Object> parts = new ArrayList<>();
    long left = max < 0 ? Long.MAX_VALUE : max;
    if (separator != null) {
      int start = 0;
      for (int at = text.indexOf(separator);
          at >= 0 && left-- > 0;
          at = text.indexOf(separator, start)) {
        parts.add(text.substring(start, at));
        start = at + separator.length();
      }
      parts.add(text.substring(start));
      return parts;
    }
    int start = skipSpace(text, 0);
    while (start < text.length()) {
      int end = start;
      while (end < text.length() && !isSpace(text.charAt(end))) {
        end++;
      }
      if (left-- == 0) {
        parts.add(text.substring(start));
        break;
      }
      parts.add(text.substring(start, end));
      start = skipSpace(text, end);
    }
    return parts;
  }

  private static int skipSpace(String text, int start) {
    int at = start;
    while (at < text.length() && isSpace(text.charAt(at))) {
      at++;
    }
    return at;
  }

  /** {@code str.rsplit} at a separator. */
  static List<Object> splitFromRight(String text, String separator, long max) {
    List<Object> parts = new ArrayList<>();
    long left = max < 0 ? Long.MAX_VALUE : max;
    int end = text.length();
    while (left-- > 0) {
      int at =
          end < separator.length() ? -1 : text.lastIndexOf(separator, end - separator.length());
      if (at < 0) {
        break;
      }
      parts.add(text.substring(at + separator.length(), end));
      end = at;
    }
    parts.add(text.substring(0, end));
    return parts.reversed();
  }

  /** {@code str.splitlines}. */
  static List<Object> lines(String text) {
    List<Object> lines = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean ends =
          (c >= 0x0A && c <= 0x0D)
              || (c >= 0x1C && c <= 0x1E)
              || c == 0x85
              || c == 0x2028
              || c == 0x2029;
      if (ends) {
        lines.add(text.substring(start, i));
        if (c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n') {
          i++;
        }
        start = i + 1;
      }
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }

  /** {@code str.replace}, at most {@code count} times unless negative. */
  static String replace(String text, String old, String replacement, long count) {
    StringBuilder out = new StringBuilder();
    int start = 0;
    long left = count < 0 ? Long.MAX_VALUE : count;
    while (left-- > 0) {
      JinjaMeter.requireLength(out.length());
      int at = text.indexOf(old, start);
      if (at < 0) {
        break;
      }
      out.append(text, start, at).append(replacement);
      start = at + old.length();
      if (old.isEmpty()) {
        if (at == text.length()) {
          break;
        }
        start = text.offsetByCodePoints(at, 1);
        out.append(text, at, start);
      }
    }
    return out.append(text.substring(start)).toString();
  }

  /** {@code str.title}: a letter after something that is no letter becomes upper case. */
  static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean inWord = false;
    for (int c : text.codePoints().toArray()) {
      if (inWord) {
        out.append(Character.toString(c).toLowerCase(Locale.ROOT));
      } else {
        out.appendCodePoint(Character.toTitleCase(c));
      }
      inWord = Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }
    return out.toString();
  }

  /** {@code str.capitalize}. */
  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.codePointAt(0));
    return Character.toString(Character.toTitleCase(text.codePointAt(0)))
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  /** How often {@code part} occurs, without overlaps. */
  static long count(String text, String part) {
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  /** The index in code points of an index in UTF-16 units. */
  static long codePointIndex(String text, int index) {
    return index < 0 ? -1 : text.codePointCount(0, index);
  }

  /** Python's escapes in a string literal; an unknown one keeps its backslash. */
  static String unescape(String literal, int line) {
    if (literal.indexOf('\\') < 0) {
      return literal;
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < literal.length(); i++) {
      char c = literal.charAt(i);
      if (c != '\\' || i + 1 == literal.length()) {
        out.append(c);
        continue;
      }
      char escape = literal.charAt(++i);
      int simple = "abfnrtv\\'\"".indexOf(escape);
      if (simple >= 0) {
        out.append("\u0007\b\f\n\r\t\u000B\\'\"".charAt(simple));
      } else if (escape >= '0' && escape <= '7') {
        int end = i + 1;
        while (end < literal.length()
            && end < i + 3
            && literal.charAt(end) >= '0'
            && literal.charAt(end) <= '7') {
          end++;
        }
        out.append((char) Integer.parseInt(literal.substring(i, end), 8));
        i = end - 1;
      } else if ("xuU".indexOf(escape) >= 0) {
        int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
        out.appendCodePoint(hex(literal, i + 1, digits, line));
        i += digits;
      } else if (escape == 'N') {
        throw new TemplateException(line, "the escape \\N is not supported");
      } else if (escape != '\n') {
        out.append('\\').append(escape);
      }
    }
    return out.toString();
  }

  private static int hex(String literal, int start, int digits, int line) {
    try {
      int value = Integer.parseUnsignedInt(literal.substring(start, start + digits), 16);
      if (Character.isValidCodePoint(value)) {
        return value;
      }
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      // Reported below.
    }
    throw new TemplateException(line, "a \\x, \\u or \\U escape is malformed in '" + literal + "'");
  }
}
