package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Stream;

/**
 * The SHA-256 of files and bytes: results name the weights they were computed with by this hash.
 */
public final class FileHash {
  private static final int CHUNK = 1 << 20;

  private FileHash() {}

  /**
   * The hash of bytes in memory.
   *
   * @param bytes the bytes
   * @return 64 hexadecimal digits
   */
  public static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(sha256().digest(bytes));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("every Java runtime must have SHA-256", e);
    }
  }

  /**
   * The hash of many texts.
   *
   * @param texts each is a line
   * @return 64 hexadecimal digits
   */
  public static String ofLines(Stream<String> texts) {
    MessageDigest hash = sha256();
    texts.forEach(text -> hash.update((text + "\n").getBytes(StandardCharsets.UTF_8)));
    return HexFormat.of().formatHex(hash.digest());
  }

  /**
   * Reads a whole file.
   *
   * @param file the file
   * @return 64 hexadecimal digits
   * @throws IOException when it cannot be read
   */
  public static String sha256(Path file) throws IOException {
    try (InputStream in = Retrying.open(file)) {
      MessageDigest hash = sha256();
      byte[] buffer = new byte[CHUNK];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        hash.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(hash.digest());
    }
  }
}
