/** The command line: {@link dev.jangle.cli.Main} and one class for each command. */
package dev.jangle.cli;
