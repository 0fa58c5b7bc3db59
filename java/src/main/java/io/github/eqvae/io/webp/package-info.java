/**
 * The pictures in WebP files, decoded as libwebp does it, to the bit: lossy ones, which are key
 * frames of VP8, and lossless ones (VP8L).
 *
 * <p>Sources: RFC 6386 for VP8, and where it leaves a choice (the pixels right of the last
 * macroblock, when inner edges are filtered, chroma between its samples, YCbCr to RGB)
 * webmproject/libwebp {@code src/dec} and {@code src/dsp}; RFC 9649 for VP8L. libwebp's dithering,
 * which is off in {@code dwebp} and Pillow, is left out.
 *
 * <p>Own code because imageio-webp (3.15.0) repeats chroma in place of interpolating it, and
 * decodes some small lossless pictures wrong.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.io.webp;
