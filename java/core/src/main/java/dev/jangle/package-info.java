/** The public API. */
package dev.jangle;
