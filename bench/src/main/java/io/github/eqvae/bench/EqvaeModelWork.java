package io.github.eqvae.bench;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;

/** An autoencoder of eqvae on the processor, with its device, stream and memory. */
abstract class EqvaeModelWork implements Work {
  private final Device device = Device.open("cpu", Peer.threads());
  final Stream stream = new Stream(device);
  final TensorArena inputs = new TensorArena(device, "inputs");
  final TensorArena arena = new TensorArena(device, "step");
  final AutoencoderKl vae;

  EqvaeModelWork(AutoencoderConfig config, boolean trainable) {
    vae = new AutoencoderKl(config, stream, 1, trainable);
  }

  AutoencoderKl vae() {
    return vae;
  }

  Stream stream() {
    return stream;
  }

  @Override
  public final void close() {
    vae.close();
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
