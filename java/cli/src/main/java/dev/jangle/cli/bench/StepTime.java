package dev.jangle.cli.bench;

/**
 * T(m): what a forward pass costs.
 *
 * @param rows m
 * @param millis of one pass
 */
public record StepTime(int rows, double millis) {}
