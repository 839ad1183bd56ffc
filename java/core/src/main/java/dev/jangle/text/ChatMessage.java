package dev.jangle.text;

import java.util.Objects;

/**
 * One message of a conversation.
 *
 * @param role who speaks, in the template's words: mostly {@code system}, {@code user} or {@code
 *     assistant}
 * @param content what was said, taken literally: special tokens written here stay text
 */
public record ChatMessage(String role, String content) {
  /** Refuses null. */
  public ChatMessage {
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(content, "content");
  }
}
