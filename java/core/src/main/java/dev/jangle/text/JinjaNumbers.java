package dev.jangle.text;

import dev.jangle.text.JinjaValues.Tuple;
import dev.jangle.text.JinjaValues.Undefined;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/**
 * Python's operators on numbers, strings and lists. Integers have 64 bits; overflow is an error.
 */
final class JinjaNumbers {
  private JinjaNumbers() {}

  /** Python's booleans are numbers, too. */
  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  static int compare(Object left, Object right) {
    return left instanceof Double || right instanceof Double
        ? Double.compare(real(left) + 0.0, real(right) + 0.0)
        : Long.compare(integer(left), integer(right));
  }

  static Object binary(String operator, Object left, Object right) {
    if (operator.equals("~")) {
      return limited(JinjaValues.string(left) + JinjaValues.string(right));
    } else if (left instanceof Undefined u) {
      throw new JinjaException(u.what() + " is undefined");
    } else if (right instanceof Undefined u) {
      throw new JinjaException(u.what() + " is undefined");
    } else if (isNumber(left) && isNumber(right)) {
      try {
        return left instanceof Double || right instanceof Double || operator.equals("/")
            ? (Object) reals(operator, real(left), real(right))
            : (Object) integers(operator, integer(left), integer(right));
      } catch (ArithmeticException e) {
        throw new JinjaException(
            JinjaValues.repr(left)
                + " "
                + operator
                + " "
                + JinjaValues.repr(right)
                + ": division by zero, or more than 64 bits");
      }
    } else if (operator.equals("+") && left instanceof String a && right instanceof String b) {
      return limited(a + b);
    } else if (operator.equals("+")
        && left instanceof List<?> a
        && right instanceof List<?> b
        && left instanceof Tuple == right instanceof Tuple) {
      List<Object> joined = new ArrayList<>(a);
      joined.addAll(b);
      return left instanceof Tuple ? new Tuple(joined) : joined;
    } else if (operator.equals("*") && right instanceof Long n) {
      return repeated(left, n);
    } else if (operator.equals("*") && left instanceof Long n) {
      return repeated(right, n);
    }
    throw unsupported(operator, left, right);
  }

  static Object negated(Object value) {
    if (!isNumber(value)) {
      throw new JinjaException("cannot negate " + JinjaValues.type(value));
    }
    try {
      return value instanceof Double d ? (Object) (-d) : (Object) Math.negateExact(integer(value));
    } catch (ArithmeticException e) {
      throw new JinjaException("-(" + integer(value) + "): more than 64 bits");
    }
  }

  static long integer(Object value) {
    return switch (value) {
      case Long n -> n;
      case Boolean b -> b ? 1 : 0;
      default -> throw new JinjaException("expected an int, found " + JinjaValues.type(value));
    };
  }

  /** {@code repr} of a float: the shortest digits, with an exponent beyond 1e16 and below 1e-4. */
  static String repr(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    } else if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    } else if (value == 0) {
      return Double.toString(value);
    }
    double size = Math.abs(value);
    BigDecimal digits = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    if (size >= 1e-4 && size < 1e16) {
      String plain = digits.toPlainString();
      return plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }
    String mantissa = digits.unscaledValue().abs().toString();
    int exponent = digits.precision() - digits.scale() - 1;
    String fraction = mantissa.length() == 1 ? "" : "." + mantissa.substring(1);
    return (value < 0 ? "-" : "")
        + mantissa.charAt(0)
        + fraction
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  private static double real(Object value) {
    return value instanceof Double d ? d : (double) integer(value);
  }

  private static long integers(String operator, long a, long b) {
    return switch (operator) {
      case "+" -> Math.addExact(a, b);
      case "-" -> Math.subtractExact(a, b);
      case "*" -> Math.multiplyExact(a, b);
      case "//" -> Math.floorDivExact(a, b);
      case "%" -> Math.floorMod(a, b);
      case "**" -> {
        if (b < 0 || b > 64) {
          throw new ArithmeticException();
        }
        long power = 1;
        for (long i = 0; i < b; i++) {
          power = Math.multiplyExact(power, a);
        }
        yield power;
      }
      default -> throw new JinjaException("the operator " + operator + " is not supported");
    };
  }

  private static double reals(String operator, double a, double b) {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw new ArithmeticException();
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - Math.floor(a / b) * b;
      case "**" -> Math.pow(a, b);
      default -> throw new JinjaException("the operator " + operator + " is not supported");
    };
  }

  private static Object repeated(Object value, long times) {
    long n = Math.max(times, 0);
    if ((value instanceof String || value instanceof List<?>)
        && Math.multiplyHigh(n, JinjaValues.length(value)) == 0
        && n * JinjaValues.length(value) <= JinjaMeter.MAX_LENGTH) {
      if (value instanceof String s) {
        return s.repeat((int) Math.min(n, JinjaMeter.MAX_LENGTH));
      }
      List<Object> list = new ArrayList<>();
      for (long i = 0; i < n && !((List<?>) value).isEmpty(); i++) {
        list.addAll((List<?>) value);
      }
      return value instanceof Tuple ? new Tuple(list) : list;
    }
    throw new JinjaException("cannot repeat " + JinjaValues.type(value) + " " + times + " times");
  }

  private static String limited(String text) {
    JinjaMeter.requireLength(text.length());
    return text;
  }

  private static JinjaException unsupported(String operator, Object left, Object right) {
    return new JinjaException(
        "the operator "
            + operator
            + " is not supported between "
            + JinjaValues.type(left)
            + " and "
            + JinjaValues.type(right));
  }
}
