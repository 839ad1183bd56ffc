/** What {@code jangle train} shows of a run. */
package dev.jangle.cli.train;
