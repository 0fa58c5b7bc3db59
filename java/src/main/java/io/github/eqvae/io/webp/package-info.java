/**
 * Decodes the pictures in WebP files with the same bits as libwebp: lossy ones, which are key
 * frames of VP8, and lossless ones (VP8L).
 *
 * <p>Sources: RFC 6386 for VP8, and where the RFC leaves a choice (the pixels right of the last
 * macroblock, when inner edges are filtered, chroma between its samples, YCbCr to RGB)
 * webmproject/libwebp {@code src/dec} and {@code src/dsp}; RFC 9649 for VP8L. libwebp's dithering,
 * which is off in {@code dwebp} and Pillow, is not implemented.
 *
 * <p>We do not use imageio-webp (3.15.0), because it repeats chroma instead of interpolating it,
 * and decodes some small lossless pictures wrongly.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.io.webp;
