package io.github.eqvae.equivariance;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** The results of the forward pass for samples that share a draw. */
record Pass(
    double share,
    Tensor encoded,
    Autoencoder.Bottleneck bottleneck,
    Tensor target,
    Tensor reconstruction,
    @Nullable Tensor explicit,
    @Nullable Tensor spectrum,
    int group) {}
