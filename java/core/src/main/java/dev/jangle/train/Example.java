package dev.jangle.train;

import dev.jangle.text.ChatMessage;
import java.util.List;

/**
 * One line of a data file: a conversation, or a text to be learnt as it is.
 *
 * @param origin file and line, for messages
 * @param messages the conversation; of a plain text, one message of the role {@link #TEXT}
 */
public record Example(String origin, List<ChatMessage> messages) {
  /** The role that marks a plain text. */
  public static final String TEXT = "text";

  /** Copies the messages. */
  public Example {
    messages = List.copyOf(messages);
  }

  /** Whether this is a plain text, without a chat template. */
  public boolean plainText() {
    return messages.size() == 1 && messages.get(0).role().equals(TEXT);
  }
}
