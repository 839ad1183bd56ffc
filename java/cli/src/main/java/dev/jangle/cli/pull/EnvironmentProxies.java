package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The proxies that the environment names, as pip and curl read it: {@code http_proxy}, {@code
 * https_proxy}, {@code no_proxy}, or the same in capitals. Where it names none, Java's own
 * properties say.
 */
final class EnvironmentProxies extends ProxySelector {
  private static final Pattern ADDRESS =
      Pattern.compile("(?:http://)?([^/@:?#\\s]+|\\[[0-9a-fA-F:]+])(?::(\\d{1,5}))?/?");
  private static final int DEFAULT_PORT = 80;

  private final Map<String, Proxy> proxies = new HashMap<>();
  private final List<String> exempt;

  /**
   * @throws Failure where a variable has something else than an HTTP proxy's address
   */
  EnvironmentProxies(Terminal terminal) {
    for (String scheme : List.of("http", "https")) {
      String address = variable(terminal, scheme + "_proxy");
      if (address != null) {
        proxies.put(scheme, proxy(scheme + "_proxy", address));
      }
    }
    String hosts = variable(terminal, "no_proxy");
    exempt = hosts == null ? List.of() : List.of(hosts.toLowerCase(Locale.ROOT).split("[,\\s]+"));
  }

  private static String variable(Terminal terminal, String name) {
    String value = terminal.variable(name);
    return value != null ? value : terminal.variable(name.toUpperCase(Locale.ROOT));
  }

  /** The value may have a password, so the message has not the value. */
  private static Proxy proxy(String name, String address) {
    Matcher matcher = ADDRESS.matcher(address);
    if (!matcher.matches()) {
      throw new Failure(
          "the environment's "
              + name
              + " is not http://HOST:PORT; other proxies, and ones with a password, are not"
              + " supported");
    }
    int port = matcher.group(2) == null ? DEFAULT_PORT : Integer.parseInt(matcher.group(2));
    return new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(matcher.group(1), port));
  }

  @Override
  public List<Proxy> select(URI uri) {
    Proxy proxy = proxies.get(uri.getScheme());
    if (proxy == null) {
      return ProxySelector.getDefault().select(uri);
    }
    String host = uri.getHost().toLowerCase(Locale.ROOT);
    return List.of(exempt.stream().anyMatch(entry -> covers(entry, host)) ? Proxy.NO_PROXY : proxy);
  }

  /** A name stands for itself and for all below it. */
  private static boolean covers(String entry, String host) {
    String domain = entry.replaceFirst("^\\*?\\.", "");
    return domain.equals("*")
        || host.equals(domain)
        || (!domain.isEmpty() && host.endsWith("." + domain));
  }

  @Override
  public void connectFailed(URI uri, SocketAddress proxy, IOException e) {
    // There is no other one to try.
  }
}
