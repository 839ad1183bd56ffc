package dev.jangle.text;

import dev.jangle.text.JinjaNode.Arguments;
import dev.jangle.text.JinjaNode.Expression;
import dev.jangle.text.JinjaToken.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Parses expressions. Loosest first: {@code if else}, or, and, not, comparison, + -, ~, * / // %,
 * **, sign, then subscripts, attributes, calls, filters and tests.
 */
final class JinjaExpressionParser {
  /** Deeper expressions are refused, so that a hostile one cannot exhaust the stack. */
  private static final int MAX_DEPTH = 100;

  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final JinjaTokens tokens;
  private int depth;

  JinjaExpressionParser(JinjaTokens tokens) {
    this.tokens = tokens;
  }

  /** An expression, or several with commas between, which make a tuple. */
  Expression tuple(Set<String> ends) {
    return tuple(true, ends);
  }

  /** The same without {@code a if b else c} at its top, for {@code for x in items if condition}. */
  Expression tupleWithoutConditional() {
    return tuple(false, Set.of());
  }

  private Expression tuple(boolean conditional, Set<String> ends) {
    int line = tokens.peek().line();
    List<Expression> items = new ArrayList<>();
    boolean comma = false;
    while (true) {
      JinjaToken token = tokens.peek();
      boolean end =
          token.kind() == Kind.VARIABLE_CLOSE
              || token.kind() == Kind.BLOCK_CLOSE
              || (token.kind() == Kind.OPERATOR && ends.contains(token.text()));
      if (end && (comma || ends.contains(token.text()))) {
        break;
      }
      items.add(conditional ? expression() : or());
      if (!tokens.takeOperator(",")) {
        break;
      }
      comma = true;
    }
    return comma || items.isEmpty() ? new JinjaNode.Items(items, true, line) : items.getFirst();
  }

  Expression expression() {
    if (++depth > MAX_DEPTH) {
      throw new TemplateException(tokens.peek().line(), "more than " + MAX_DEPTH + " levels deep");
    }
    Expression value = or();
    while (tokens.peek().isName("if")) {
      int line = tokens.take().line();
      Expression condition = or();
      Expression orElse = tokens.takeName("else") ? expression() : null;
      value = new JinjaNode.Conditional(condition, value, orElse, line);
    }
    depth--;
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (tokens.peek().isName("or")) {
      int line = tokens.take().line();
      left = new JinjaNode.Binary("or", left, and(), line);
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.peek().isName("and")) {
      int line = tokens.take().line();
      left = new JinjaNode.Binary("and", left, not(), line);
    }
    return left;
  }

  private Expression not() {
    List<Integer> lines = new ArrayList<>();
    while (tokens.peek().isName("not")) {
      lines.add(tokens.take().line());
    }
    Expression value = comparison();
    for (int line : lines.reversed()) {
      value = new JinjaNode.Unary("not", value, line);
    }
    return value;
  }

  private Expression comparison() {
    int line = tokens.peek().line();
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> operands = new ArrayList<>();
    while (true) {
      JinjaToken token = tokens.peek();
      if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
        operators.add(tokens.take().text());
      } else if (tokens.takeName("in")) {
        operators.add("in");
      } else if (token.isName("not") && tokens.peekSecond().isName("in")) {
        tokens.take();
        tokens.take();
        operators.add("not in");
      } else {
        break;
      }
      operands.add(sum());
    }
    return operators.isEmpty() ? first : new JinjaNode.Compare(first, operators, operands, line);
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.peek().isOperator("+") || tokens.peek().isOperator("-")) {
      JinjaToken operator = tokens.take();
      left = new JinjaNode.Binary(operator.text(), left, concatenation(), operator.line());
    }
    return left;
  }

  private Expression concatenation() {
    Expression left = product();
    while (tokens.peek().isOperator("~")) {
      int line = tokens.take().line();
      left = new JinjaNode.Binary("~", left, product(), line);
    }
    return left;
  }

  private Expression product() {
    Expression left = power();
    while (true) {
      JinjaToken operator = tokens.peek();
      if (operator.kind() != Kind.OPERATOR
          || !Set.of("*", "/", "//", "%").contains(operator.text())) {
        return left;
      }
      tokens.take();
      left = new JinjaNode.Binary(operator.text(), left, power(), operator.line());
    }
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.peek().isOperator("**")) {
      int line = tokens.take().line();
      left = new JinjaNode.Binary("**", left, unary(true), line);
    }
    return left;
  }

  private Expression unary(boolean filters) {
    if (++depth > MAX_DEPTH) {
      throw new TemplateException(tokens.peek().line(), "more than " + MAX_DEPTH + " levels deep");
    }
    JinjaToken token = tokens.peek();
    Expression value;
    if (token.isOperator("-") || token.isOperator("+")) {
      tokens.take();
      value = new JinjaNode.Unary(token.text(), unary(false), token.line());
    } else {
      value = primary();
    }
    value = postfix(value);
    depth--;
    return filters ? filters(value) : value;
  }

  private Expression primary() {
    JinjaToken token = tokens.take();
    int line = token.line();
    return switch (token.kind()) {
      case NAME ->
          switch (token.text()) {
            case "true", "True" -> new JinjaNode.Constant(true, line);
            case "false", "False" -> new JinjaNode.Constant(false, line);
            case "none", "None" -> new JinjaNode.Constant(JinjaValues.NONE, line);
            default -> new JinjaNode.Name(token.text(), line);
          };
      case STRING -> {
        StringBuilder joined = new StringBuilder(token.text());
        while (tokens.peek().kind() == Kind.STRING) {
          joined.append(tokens.take().text());
        }
        yield new JinjaNode.Constant(joined.toString(), line);
      }
      case INTEGER -> new JinjaNode.Constant(integer(token), line);
      case FLOAT -> new JinjaNode.Constant(Double.parseDouble(token.text()), line);
      default -> bracketed(token);
    };
  }

  private static long integer(JinjaToken token) {
    try {
      return Long.parseLong(token.text());
    } catch (NumberFormatException e) {
      throw new TemplateException(
          token.line(), "the integer " + token.text() + " has more than 64 bits");
    }
  }

  private Expression bracketed(JinjaToken token) {
    if (token.isOperator("(")) {
      Expression value = tuple(Set.of(")"));
      tokens.expectOperator(")");
      return value;
    } else if (token.isOperator("[")) {
      return new JinjaNode.Items(list("]"), false, token.line());
    } else if (token.isOperator("{")) {
      return dict(token.line());
    }
    throw new TemplateException(
        token.line(), "found " + token.describe() + ", expected an expression");
  }

  /** Expressions up to a closing bracket; a comma may come before it. */
  private List<Expression> list(String end) {
    List<Expression> items = new ArrayList<>();
    while (!tokens.takeOperator(end)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.takeOperator(end)) {
          break;
        }
      }
      items.add(expression());
    }
    return items;
  }

  private Expression dict(int line) {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.takeOperator("}")) {
      if (!keys.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.takeOperator("}")) {
          break;
        }
      }
      keys.add(expression());
      tokens.expectOperator(":");
      values.add(expression());
    }
    return new JinjaNode.Dict(keys, values, line);
  }

  private Expression postfix(Expression value) {
    Expression result = value;
    while (true) {
      int line = tokens.peek().line();
      if (tokens.takeOperator(".")) {
        if (tokens.peek().kind() == Kind.INTEGER) {
          Expression index = new JinjaNode.Constant(integer(tokens.take()), line);
          result = new JinjaNode.Index(result, index, line);
        } else {
          result = new JinjaNode.Attribute(result, tokens.expectName(), line);
        }
      } else if (tokens.takeOperator("[")) {
        result = subscript(result, line);
      } else if (tokens.peek().isOperator("(")) {
        result = new JinjaNode.Call(result, arguments(), line);
      } else {
        return result;
      }
    }
  }

  private Expression subscript(Expression value, int line) {
    Expression start = tokens.peek().isOperator(":") ? null : expression();
    if (start != null && tokens.takeOperator("]")) {
      return new JinjaNode.Index(value, start, line);
    }
    tokens.expectOperator(":");
    Expression stop = slicePart();
    Expression step = tokens.takeOperator(":") ? slicePart() : null;
    tokens.expectOperator("]");
    return new JinjaNode.Slice(value, start, stop, step, line);
  }

  private Expression slicePart() {
    JinjaToken token = tokens.peek();
    return token.isOperator(":") || token.isOperator("]") ? null : expression();
  }

  private Expression filters(Expression value) {
    Expression result = value;
    while (true) {
      int line = tokens.peek().line();
      if (tokens.takeOperator("|")) {
        String name = tokens.expectName();
        Arguments arguments = tokens.peek().isOperator("(") ? arguments() : Arguments.NONE;
        result = new JinjaNode.Filter(result, name, arguments, line);
      } else if (tokens.takeName("is")) {
        result = test(result, line);
      } else if (tokens.peek().isOperator("(")) {
        result = new JinjaNode.Call(result, arguments(), line);
      } else {
        return result;
      }
    }
  }

  private Expression test(Expression value, int line) {
    boolean negated = tokens.takeName("not");
    String name = tokens.expectName();
    Arguments arguments = Arguments.NONE;
    JinjaToken token = tokens.peek();
    if (token.isOperator("(")) {
      arguments = arguments();
    } else if (startsArgument(token)) {
      arguments = new Arguments(List.of(postfix(primary())), List.of(), List.of());
    }
    Expression test = new JinjaNode.Test(value, name, arguments, line);
    return negated ? new JinjaNode.Unary("not", test, line) : test;
  }

  /** Whether a test has an argument without parentheses, as in {@code is divisibleby 2}. */
  private static boolean startsArgument(JinjaToken token) {
    return switch (token.kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      case NAME -> !Set.of("else", "or", "and", "is", "if", "in", "not").contains(token.text());
      default -> false;
    };
  }

  private Arguments arguments() {
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    List<String> names = new ArrayList<>();
    List<Expression> named = new ArrayList<>();
    boolean first = true;
    while (!tokens.takeOperator(")")) {
      if (!first) {
        tokens.expectOperator(",");
        if (tokens.takeOperator(")")) {
          break;
        }
      }
      first = false;
      if (tokens.peek().isOperator("*") || tokens.peek().isOperator("**")) {
        throw new TemplateException(
            tokens.peek().line(), "arguments with " + tokens.peek().text() + " are not supported");
      }
      if (tokens.peek().kind() == Kind.NAME && tokens.peekSecond().isOperator("=")) {
        names.add(tokens.expectName());
        tokens.take();
        named.add(expression());
      } else if (names.isEmpty()) {
        positional.add(expression());
      } else {
        throw tokens.unexpected("a name and '='");
      }
    }
    return new Arguments(positional, names, named);
  }
}
