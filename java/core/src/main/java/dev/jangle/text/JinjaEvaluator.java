package dev.jangle.text;

import dev.jangle.text.JinjaNode.Expression;
import dev.jangle.text.JinjaValues.Function;
import dev.jangle.text.JinjaValues.Tuple;
import dev.jangle.text.JinjaValues.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Evaluates expressions. One object per rendering. */
final class JinjaEvaluator {
  private final JinjaMeter meter;
  private int line = 1;

  JinjaEvaluator(JinjaMeter meter) {
    this.meter = meter;
  }

  /** The line of what was evaluated last. */
  int line() {
    return line;
  }

  Object evaluate(Expression expression, JinjaScope scope) {
    line = expression.line();
    meter.take(1);
    Object value = value(expression, scope);
    switch (expression) {
      case JinjaNode.Items i -> meter.made(value);
      case JinjaNode.Dict d -> meter.made(value);
      case JinjaNode.Slice s -> meter.made(value);
      case JinjaNode.Call c -> meter.made(value);
      case JinjaNode.Filter f -> meter.made(value);
      case JinjaNode.Binary b -> meter.made(value);
      default -> meter.read(value);
    }
    return value;
  }

  private Object value(Expression expression, JinjaScope scope) {
    return switch (expression) {
      case JinjaNode.Constant constant -> constant.value();
      case JinjaNode.Name name -> {
        Object value = scope.get(name.name());
        yield value == null ? new Undefined("'" + name.name() + "'") : value;
      }
      case JinjaNode.Items items -> {
        List<Object> values = all(items.items(), scope);
        yield items.tuple() ? new Tuple(values) : values;
      }
      case JinjaNode.Dict dict -> dict(dict, scope);
      case JinjaNode.Attribute attribute ->
          attribute(evaluate(attribute.value(), scope), attribute.name());
      case JinjaNode.Index index ->
          JinjaValues.element(evaluate(index.value(), scope), evaluate(index.index(), scope));
      case JinjaNode.Slice slice ->
          JinjaValues.slice(
              evaluate(slice.value(), scope),
              bound(slice.start(), scope),
              bound(slice.stop(), scope),
              bound(slice.step(), scope));
      case JinjaNode.Call call -> call(call, scope);
      case JinjaNode.Filter filter -> {
        Object value = evaluate(filter.value(), scope);
        JinjaArguments arguments = arguments(filter.name(), filter.arguments(), scope);
        line = filter.line();
        yield JinjaFilters.apply(filter.name(), value, arguments);
      }
      case JinjaNode.Test test -> {
        Object value = evaluate(test.value(), scope);
        JinjaArguments arguments = arguments(test.name(), test.arguments(), scope);
        line = test.line();
        yield JinjaTests.test(test.name(), value, arguments);
      }
      case JinjaNode.Unary unary -> unary(unary, scope);
      case JinjaNode.Binary binary -> binary(binary, scope);
      case JinjaNode.Compare compare -> compare(compare, scope);
      case JinjaNode.Conditional conditional -> {
        if (JinjaValues.truth(evaluate(conditional.condition(), scope))) {
          yield evaluate(conditional.value(), scope);
        }
        yield conditional.orElse() == null
            ? new Undefined("the other branch of an 'if' without 'else'")
            : evaluate(conditional.orElse(), scope);
      }
    };
  }

  private List<Object> all(List<Expression> expressions, JinjaScope scope) {
    List<Object> values = new ArrayList<>();
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return values;
  }

  private Object dict(JinjaNode.Dict dict, JinjaScope scope) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < dict.keys().size(); i++) {
      Object key = JinjaValues.key(evaluate(dict.keys().get(i), scope));
      map.put(key, evaluate(dict.values().get(i), scope));
    }
    return map;
  }

  private static Object attribute(Object value, String name) {
    if (value instanceof Map<?, ?> map
        && (name.equals("items") || name.equals("keys") || name.equals("values"))
        && map.containsKey(name)) {
      throw new JinjaException("'." + name + "' is a method here; write ['" + name + "']");
    }
    return JinjaValues.element(value, name);
  }

  private Long bound(Expression expression, JinjaScope scope) {
    Object value = expression == null ? JinjaValues.NONE : evaluate(expression, scope);
    return value == JinjaValues.NONE ? null : (Long) JinjaNumbers.integer(value);
  }

  private JinjaArguments arguments(String callee, JinjaNode.Arguments arguments, JinjaScope scope) {
    Map<String, Object> named = new LinkedHashMap<>();
    List<Object> positional = all(arguments.positional(), scope);
    for (int i = 0; i < arguments.names().size(); i++) {
      named.put(arguments.names().get(i), evaluate(arguments.named().get(i), scope));
    }
    return new JinjaArguments(callee, positional, named, meter);
  }

  private Object call(JinjaNode.Call call, JinjaScope scope) {
    if (call.callee() instanceof JinjaNode.Attribute method) {
      Object value = evaluate(method.value(), scope);
      Object member =
          value instanceof JinjaValues.Namespace || value instanceof Map<?, ?>
              ? JinjaValues.element(value, method.name())
              : null;
      JinjaArguments arguments = arguments(method.name(), call.arguments(), scope);
      line = call.line();
      return member instanceof Function function
          ? function.call(arguments)
          : JinjaMethods.call(value, method.name(), arguments);
    }
    Object callee = evaluate(call.callee(), scope);
    String name = call.callee() instanceof JinjaNode.Name n ? n.name() : "a call";
    JinjaArguments arguments = arguments(name, call.arguments(), scope);
    line = call.line();
    if (callee instanceof Function function) {
      return function.call(arguments);
    }
    throw new JinjaException(
        callee instanceof Undefined
            ? "the function '" + name + "' is not supported"
            : "a " + JinjaValues.type(callee) + " cannot be called");
  }

  private Object unary(JinjaNode.Unary unary, JinjaScope scope) {
    Object value = evaluate(unary.value(), scope);
    return switch (unary.operator()) {
      case "not" -> !JinjaValues.truth(value);
      case "-" -> JinjaNumbers.negated(value);
      default -> JinjaNumbers.binary("+", 0L, value);
    };
  }

  private Object binary(JinjaNode.Binary binary, JinjaScope scope) {
    Object left = evaluate(binary.left(), scope);
    if (binary.operator().equals("and")) {
      return JinjaValues.truth(left) ? evaluate(binary.right(), scope) : left;
    } else if (binary.operator().equals("or")) {
      return JinjaValues.truth(left) ? left : evaluate(binary.right(), scope);
    }
    Object right = evaluate(binary.right(), scope);
    line = binary.line();
    return JinjaNumbers.binary(binary.operator(), left, right);
  }

  private boolean compare(JinjaNode.Compare compare, JinjaScope scope) {
    Object left = evaluate(compare.first(), scope);
    for (int i = 0; i < compare.operators().size(); i++) {
      Object right = evaluate(compare.operands().get(i), scope);
      String operator = compare.operators().get(i);
      if (operator.endsWith("in")) {
        meter.search(right, left);
      } else {
        meter.readAll(left);
        meter.readAll(right);
      }
      boolean holds =
          switch (operator) {
            case "==" -> JinjaValues.equal(left, right);
            case "!=" -> !JinjaValues.equal(left, right);
            case "in" -> JinjaValues.contains(right, left);
            case "not in" -> !JinjaValues.contains(right, left);
            case "<" -> JinjaValues.compare(left, right) < 0;
            case "<=" -> JinjaValues.compare(left, right) <= 0;
            case ">" -> JinjaValues.compare(left, right) > 0;
            default -> JinjaValues.compare(left, right) >= 0;
          };
      if (!holds) {
        return false;
      }
      left = right;
    }
    return true;
  }
}
