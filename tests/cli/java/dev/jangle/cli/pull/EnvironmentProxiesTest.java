package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Pipes;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnvironmentProxiesTest {
  private static final URI HUB = URI.create("https://Hub.example.com/api");

  private static List<Proxy> select(Map<String, String> environment, URI uri) {
    return new EnvironmentProxies(Pipes.of(environment)).select(uri);
  }

  private static List<Proxy> proxy(String host, int port) {
    return List.of(new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(host, port)));
  }

  @ParameterizedTest
  @CsvSource({"http://proxy:3128, 3128", "proxy:3128/, 3128", "http://proxy, 80"})
  void theVariableOfTheScheme(String value, int port) {
    assertEquals(proxy("proxy", port), select(Map.of("https_proxy", value), HUB));
    assertEquals(proxy("proxy", port), select(Map.of("HTTPS_PROXY", value), HUB));
    assertEquals(ProxySelector.getDefault().select(HUB), select(Map.of("http_proxy", value), HUB));
  }

  @ParameterizedTest
  @ValueSource(strings = {"*", "hub.example.com", "localhost,example.com", ".example.com, x"})
  void noProxyExempts(String hosts) {
    assertEquals(
        List.of(Proxy.NO_PROXY),
        select(Map.of("https_proxy", "http://proxy:1", "NO_PROXY", hosts), HUB));
  }

  @ParameterizedTest
  @ValueSource(strings = {"b.example.com", "ample.com", "hub", ","})
  void noProxyExemptsNoOthers(String hosts) {
    assertEquals(
        proxy("proxy", 1), select(Map.of("https_proxy", "http://proxy:1", "no_proxy", hosts), HUB));
  }

  @ParameterizedTest
  @ValueSource(strings = {"socks5://proxy:1", "https://proxy:1", "http://me:secret@proxy:1", "a b"})
  void whatIsNotSupportedIsRefused(String value) {
    String message =
        assertThrows(Failure.class, () -> select(Map.of("https_proxy", value), HUB)).getMessage();
    assertTrue(message.contains("https_proxy is not http://HOST:PORT"), message);
    assertFalse(message.contains("secret"), message);
  }

  @Test
  void withoutVariablesJavasPropertiesSay() {
    assertEquals(ProxySelector.getDefault().select(HUB), select(Map.of(), HUB));
  }
}
