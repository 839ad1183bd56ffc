/** The forward pass of the LLaMA family, written once over the kernels of any backend. */
package dev.jangle.model;
