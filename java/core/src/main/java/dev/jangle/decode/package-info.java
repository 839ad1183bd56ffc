/**
 * Plain and TR-Jacobi decoding: token trees, the sources of drafts, the choice of nodes, and the
 * verify/accept loop. Whatever the tree, the output is that of plain decoding, bit for bit.
 */
package dev.jangle.decode;
