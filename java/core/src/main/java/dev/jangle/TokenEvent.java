package dev.jangle;

/**
 * One token of the output, as it streams.
 *
 * @param token the token's id
 * @param text the text that became complete with it; empty while a character is still half written.
 *     With the texts of all events joined one has the result's text.
 * @param source who guessed the token
 * @param step the forward pass that confirmed it: 0 is the prompt's, whose one token begins the
 *     answer; tokens of one pass share a number
 */
public record TokenEvent(int token, String text, DraftKind source, int step) {}
