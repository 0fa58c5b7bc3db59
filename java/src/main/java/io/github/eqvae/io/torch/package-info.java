/**
 * PyTorch checkpoint files ({@code .pt}, {@code .pth}, {@code .ckpt}): read without running what
 * they contain, and written so that {@code torch.load(weights_only=True)} takes them. A pickle is a
 * program; here only the names on two short lists ({@code Globals}) mean anything to it.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.io.torch;
