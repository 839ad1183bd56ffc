/**
 * The operations in their plainest form, one class each: {@code exact} in float64 is the
 * specification; {@code naive} is the same loop in float32, whose error bounds what a kernel may
 * err.
 */
package dev.jangle.backend.reference;
