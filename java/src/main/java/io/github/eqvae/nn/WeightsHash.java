package io.github.eqvae.nn;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Stream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/** A hash that identifies weights, whatever file they came from. */
public final class WeightsHash {
  private WeightsHash() {}

  /**
   * The hash of a model's weights.
   *
   * @param parameters all of them, buffers included
   * @param stream waited for
   * @return SHA-256 over names, shapes and values, in hexadecimal digits
   */
  public static String of(ParameterStore parameters, Stream stream) {
    try {
      MessageDigest hash = MessageDigest.getInstance("SHA-256");
      List<Parameter> sorted =
          parameters.all().stream().sorted(Comparator.comparing(Parameter::name)).toList();
      for (Parameter p : sorted) {
        hash.update((p.name() + p.shape() + "\n").getBytes(StandardCharsets.UTF_8));
        float[] values = p.value().toFloats(stream);
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        hash.update(bytes);
      }
      return HexFormat.of().formatHex(hash.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("every Java runtime must have SHA-256", e);
    }
  }
}
