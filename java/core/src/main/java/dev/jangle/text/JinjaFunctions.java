package dev.jangle.text;

import dev.jangle.text.JinjaValues.Function;
import dev.jangle.text.JinjaValues.Namespace;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The functions that a template may call. */
final class JinjaFunctions {
  /** The limit of Jinja's sandbox. */
  private static final long MAX_RANGE = 100_000;

  private JinjaFunctions() {}

  static Map<String, Function> all(LocalDateTime now) {
    return Map.of(
        "range", JinjaFunctions::range,
        "namespace", JinjaFunctions::namespace,
        "dict", JinjaFunctions::dict,
        "raise_exception", JinjaFunctions::raise,
        "strftime_now", arguments -> strftime(now, arguments));
  }

  private static Object range(JinjaArguments arguments) {
    arguments.allow("start", "stop", "step");
    boolean one = arguments.positional().size() == 1;
    long start = one ? 0 : arguments.integer(0, "start", 0);
    long stop = JinjaNumbers.integer(arguments.get(one ? 0 : 1, "stop"));
    long step = arguments.integer(2, "step", 1);
    if (step == 0) {
      throw new JinjaException("range: the step is 0");
    }
    List<Object> items = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      if (items.size() == MAX_RANGE) {
        throw new JinjaException("range: more than " + MAX_RANGE + " numbers");
      }
      items.add(i);
      if (step > 0 ? i > Long.MAX_VALUE - step : i < Long.MIN_VALUE - step) {
        break;
      }
    }
    return items;
  }

  private static Object namespace(JinjaArguments arguments) {
    return new Namespace(new LinkedHashMap<>(named(arguments)));
  }

  private static Object dict(JinjaArguments arguments) {
    return new LinkedHashMap<Object, Object>(named(arguments));
  }

  private static Map<String, Object> named(JinjaArguments arguments) {
    if (!arguments.positional().isEmpty()) {
      throw new JinjaException(arguments.callee() + ": only named arguments are supported");
    }
    return arguments.named();
  }

  private static Object raise(JinjaArguments arguments) {
    arguments.allow("message");
    throw new JinjaException(JinjaValues.string(arguments.get(0, "message")));
  }

  private static Object strftime(LocalDateTime now, JinjaArguments arguments) {
    arguments.allow("format");
    String format = arguments.text(0, "format");
    arguments.meter().take(format.length());
    StringBuilder out = new StringBuilder();
    int i = 0;
    while (i < format.length()) {
      char c = format.charAt(i++);
      if (c != '%') {
        out.append(c);
        continue;
      }
      boolean padded = !format.startsWith("-", i);
      i += padded ? 0 : 1;
      out.append(date(now, i < format.length() ? format.charAt(i) : ' ', padded));
      i++;
    }
    return out.toString();
  }

  private static String date(LocalDateTime now, char letter, boolean padded) {
    String pattern =
        switch (letter) {
          case 'Y' -> "yyyy";
          case 'y' -> "yy";
          case 'm' -> padded ? "MM" : "M";
          case 'd' -> padded ? "dd" : "d";
          case 'e' -> padded ? "ppd" : "d";
          case 'H' -> padded ? "HH" : "H";
          case 'I' -> padded ? "hh" : "h";
          case 'M' -> padded ? "mm" : "m";
          case 'S' -> padded ? "ss" : "s";
          case 'j' -> padded ? "DDD" : "D";
          case 'b' -> "MMM";
          case 'B' -> "MMMM";
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'p' -> "a";
          case 'F' -> "yyyy-MM-dd";
          case 'T' -> "HH:mm:ss";
          case '%' -> "'%'";
          default ->
              throw new JinjaException(
                  "strftime_now: '%"
                      + letter
                      + "' is not supported; supported: %Y %y %m %d %e %H"
                      + " %I %M %S %j %b %B %a %A %p %F %T %%");
        };
    return DateTimeFormatter.ofPattern(pattern, Locale.US).format(now.atOffset(ZoneOffset.UTC));
  }
}
