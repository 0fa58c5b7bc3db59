/** Raw access to the native libraries: handles, layouts, status codes. Not exported. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.ffi;
