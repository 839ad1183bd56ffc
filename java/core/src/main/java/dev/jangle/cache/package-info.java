/**
 * The KV cache: pages of 64 positions, one table of pages per sequence, pages shared between forks
 * and copied on write.
 */
package dev.jangle.cache;
