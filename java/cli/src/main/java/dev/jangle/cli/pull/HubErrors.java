package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import java.net.URI;

/** What the hub's refusals mean to a user. */
final class HubErrors {
  private HubErrors() {}

  static Failure refused(HubClient client, URI uri, int status) {
    String token =
        client.hasToken()
            ? "HF_TOKEN is set, but has no access"
            : "if it is gated or private, accept its terms on its page and set HF_TOKEN";
    return new Failure(
        switch (status) {
          case 401 -> uri + ": not found, or not allowed (401): check the name; " + token;
          case 403 -> uri + ": not allowed (403): " + token;
          case 404 -> uri + ": not found (404): check the name and the revision";
          default -> uri + ": the server answered " + status;
        });
  }
}
