package io.github.eqvae.nn;

/**
 * Settings of an Adam optimiser. PyTorch: the arguments of {@code torch.optim.Adam} and {@code
 * AdamW}.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param eps added to the root of the second moment
 * @param weightDecay added to the gradient (Adam) or subtracted from the weight (AdamW)
 * @param decoupled true for AdamW
 */
public record AdamSettings(
    double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {}
