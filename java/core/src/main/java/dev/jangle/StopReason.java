package dev.jangle;

/** Why a generation ended. */
public enum StopReason {
  /** The model wrote an end token, which is not part of the result. */
  END_TOKEN,
  /** A stop string appeared; the text ends before it. */
  STOP_STRING,
  /** {@link GenerationOptions#maxTokens()} tokens were written. */
  MAX_TOKENS,
  /** The context has no room for another token. */
  CONTEXT_FULL,
  /** {@link TokenStream#cancel()} was called. */
  CANCELLED
}
