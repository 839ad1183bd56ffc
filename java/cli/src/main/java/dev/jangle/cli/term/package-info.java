/** The terminal: what it can show, progress, tables, colours of drafts, Ctrl-C. */
package dev.jangle.cli.term;
