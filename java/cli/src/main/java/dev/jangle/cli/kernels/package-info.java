/**
 * Micro-benchmarks of the operations of {@code jangle.h}, on the shapes of real models: times on
 * the device's own clock, beside ceilings that the same run measures.
 */
package dev.jangle.cli.kernels;
