/** The C ABI of {@code native-build/include/jangle.h}, as Java. Not exported. */
package dev.jangle.ffi;
