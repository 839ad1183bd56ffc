/**
 * A backend is a native library on a device: memory, streams, and the operations of {@code
 * jangle.h} with their arguments checked.
 *
 * <p>{@link dev.jangle.backend.Backends#probe()} tells what this machine has:
 *
 * {@snippet :
 * for (BackendStatus status : Backends.probe()) {
 *   System.out.println(status.kind() + (status.available() ? "" : ": " + status.reason()));
 * }
 * }
 */
package dev.jangle.backend;
