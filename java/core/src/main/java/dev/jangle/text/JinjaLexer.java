package dev.jangle.text;

import dev.jangle.text.JinjaToken.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a template into tokens, with {@code trim_blocks} and {@code lstrip_blocks} on and {@code
 * keep_trailing_newline} off, as transformers sets them.
 *
 * <p>White space around a tag: a minus inside of the tag removes all of it on that side. Without a
 * sign, a block or comment at the start of a line loses the indentation before it and the one
 * newline after it. A plus keeps what is before the tag. Comments and raw blocks are resolved here.
 */
final class JinjaLexer {
  /** Longest first. */
  private static final String[] OPERATORS = {
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";"
  };

  private final String source;
  private final List<JinjaToken> tokens = new ArrayList<>();
  private int pos;
  private int line = 1;

  /** Whether the text that comes next starts a line. */
  private boolean lineStarts = true;

  private JinjaLexer(String source) {
    this.source = source;
  }

  static List<JinjaToken> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    JinjaLexer lexer = new JinjaLexer(source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (pos < source.length()) {
      int tag = nextTag(pos);
      if (tag < 0) {
        text(source.substring(pos));
        advance(source.length());
        break;
      }
      char kind = source.charAt(tag + 1);
      int raw = kind == '%' ? rawTagEnd(tag, "raw") : -1;
      textBefore(tag, kind);
      if (raw >= 0) {
        raw(raw);
      } else if (kind == '#') {
        comment(tag);
      } else {
        tag(kind == '%');
      }
    }
    tokens.add(new JinjaToken(Kind.END, "", line));
  }

  /** Where the next tag opens, or -1. */
  private int nextTag(int from) {
    for (int i = source.indexOf('{', from);
        i >= 0 && i + 1 < source.length();
        i = source.indexOf('{', i + 1)) {
      if ("%{#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** Emits the text up to a tag, less the white space that the tag removes, and enters the tag. */
  private void textBefore(int tag, char kind) {
    String text = source.substring(pos, tag);
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    if (sign == '-') {
      text = PythonText.stripRight(text, null);
    } else if (sign != '+' && kind != '{') {
      int start = text.lastIndexOf('\n') + 1;
      if ((start > 0 || lineStarts) && PythonText.isBlank(text.substring(start))) {
        text = text.substring(0, start);
      }
    }
    text(text);
    advance(sign == '-' || sign == '+' ? tag + 3 : tag + 2);
  }

  private void text(String text) {
    if (!text.isEmpty()) {
      tokens.add(new JinjaToken(Kind.TEXT, text, line));
    }
  }

  private void comment(int tag) {
    int end = source.indexOf("#}", Math.max(pos, tag + 2));
    if (end < 0) {
      throw new TemplateException(line, "the comment '{#' is not closed");
    }
    boolean signed = end > pos && "-+".indexOf(source.charAt(end - 1)) >= 0;
    closeTag(end, signed ? source.charAt(end - 1) : ' ', true);
  }

  /** Goes on behind the closing delimiter at {@code end}, and the white space that it removes. */
  private void closeTag(int end, char sign, boolean trimsNewline) {
    int next = end + 2;
    if (sign == '-') {
      while (next < source.length() && PythonText.isSpace(source.charAt(next))) {
        next++;
      }
    } else if (sign != '+' && trimsNewline && source.startsWith("\n", next)) {
      next++;
    }
    advance(next);
    lineStarts = source.charAt(next - 1) == '\n';
  }

  /** Where the tag {@code {% name %}} that opens at {@code tag} has its {@code %}}, or -1. */
  private int rawTagEnd(int tag, String name) {
    int i = tag + 2;
    if (i < source.length() && "-+".indexOf(source.charAt(i)) >= 0) {
      i++;
    }
    i = skipSpace(i);
    if (!source.startsWith(name, i)) {
      return -1;
    }
    i = skipSpace(i + name.length());
    if (i < source.length() && "-+".indexOf(source.charAt(i)) >= 0) {
      i++;
    }
    return source.startsWith("%}", i) ? i : -1;
  }

  private int skipSpace(int from) {
    int i = from;
    while (i < source.length() && PythonText.isSpace(source.charAt(i))) {
      i++;
    }
    return i;
  }

  /** A raw block whose opening tag ends at {@code end}; no newline is trimmed after that tag. */
  private void raw(int end) {
    closeTag(end, source.charAt(end - 1), false);
    for (int tag = source.indexOf("{%", pos); tag >= 0; tag = source.indexOf("{%", tag + 2)) {
      int close = rawTagEnd(tag, "endraw");
      if (close >= 0) {
        textBefore(tag, '%');
        closeTag(close, source.charAt(close - 1), true);
        return;
      }
    }
    throw new TemplateException(line, "the block 'raw' is not closed");
  }

  private void tag(boolean block) {
    String close = block ? "%}" : "}}";
    tokens.add(new JinjaToken(block ? Kind.BLOCK_OPEN : Kind.VARIABLE_OPEN, "", line));
    int opened = line;
    List<Character> brackets = new ArrayList<>();
    while (true) {
      advance(skipSpace(pos));
      if (pos >= source.length()) {
        throw new TemplateException(opened, "the tag is not closed, expected '" + close + "'");
      }
      if (brackets.isEmpty()) {
        char sign = source.charAt(pos);
        boolean signed = sign == '-' || (sign == '+' && block);
        if (source.startsWith(close, signed ? pos + 1 : pos)) {
          tokens.add(new JinjaToken(block ? Kind.BLOCK_CLOSE : Kind.VARIABLE_CLOSE, "", line));
          closeTag(signed ? pos + 1 : pos, signed ? sign : ' ', block);
          return;
        }
      }
      token(brackets);
    }
  }

  private void token(List<Character> brackets) {
    char first = source.charAt(pos);
    if (Character.isUnicodeIdentifierStart(first) || first == '_') {
      int end = pos + 1;
      while (end < source.length() && Character.isUnicodeIdentifierPart(source.charAt(end))) {
        end++;
      }
      emit(Kind.NAME, end);
    } else if (first >= '0' && first <= '9') {
      number();
    } else if (first == '\'' || first == '"') {
      string(first);
    } else {
      operator(brackets);
    }
  }

  /** Decimal integers and floats; other bases and underscores are not supported. */
  private void number() {
    int end = digits(pos);
    Kind kind = Kind.INTEGER;
    if (end + 1 < source.length() && source.charAt(end) == '.' && digits(end + 1) > end + 1) {
      kind = Kind.FLOAT;
      end = digits(end + 1);
    }
    if (end < source.length() && Character.isUnicodeIdentifierPart(source.charAt(end))) {
      throw new TemplateException(
          line, "the number '" + source.substring(pos, end + 1) + "...' is not supported");
    }
    emit(kind, end);
  }

  private int digits(int from) {
    int i = from;
    while (i < source.length() && source.charAt(i) >= '0' && source.charAt(i) <= '9') {
      i++;
    }
    return i;
  }

  private void string(char quote) {
    int end = pos + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw new TemplateException(line, "the string is not closed, expected " + quote);
    }
    String value = PythonText.unescape(source.substring(pos + 1, end), line);
    tokens.add(new JinjaToken(Kind.STRING, value, line));
    advance(end + 1);
  }

  private void operator(List<Character> brackets) {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, pos)) {
        char c = operator.charAt(0);
        if ("([{".indexOf(c) >= 0) {
          brackets.add(")]}".charAt("([{".indexOf(c)));
        } else if (")]}".indexOf(c) >= 0 && (brackets.isEmpty() || brackets.removeLast() != c)) {
          throw new TemplateException(line, "unexpected '" + c + "'");
        }
        emit(Kind.OPERATOR, pos + operator.length());
        return;
      }
    }
    throw new TemplateException(line, "unexpected character '" + source.charAt(pos) + "'");
  }

  private void emit(Kind kind, int end) {
    tokens.add(new JinjaToken(kind, source.substring(pos, end), line));
    advance(end);
  }

  /** Moves on, counting lines. */
  private void advance(int to) {
    for (int i = pos; i < to; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    pos = to;
  }
}
