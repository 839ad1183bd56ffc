/** Models in the user's cache folder, and how they get there. */
package dev.jangle.cli.pull;
