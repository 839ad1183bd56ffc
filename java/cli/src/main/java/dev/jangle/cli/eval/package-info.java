/** Evaluation of one model, or of two side by side, on data that they did not learn from. */
package dev.jangle.cli.eval;
