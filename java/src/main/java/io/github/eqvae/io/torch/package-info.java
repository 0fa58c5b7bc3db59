/**
 * PyTorch checkpoint files ({@code .pt}, {@code .pth}, {@code .ckpt}): read without running their
 * content, and written in a form that {@code torch.load(weights_only=True)} accepts. A pickle is a
 * program; here it can use only the names on two short lists ({@code Globals}).
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.io.torch;
