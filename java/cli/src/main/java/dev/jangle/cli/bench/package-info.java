/** The benchmark: plain against accelerated decoding of the same model in the same process. */
package dev.jangle.cli.bench;
