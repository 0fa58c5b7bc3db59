package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * How two ranks find out that they belong to one run, when one has connected to the other: each
 * proves that it knows the run's token, without sending it. What follows on the connection is not
 * encrypted.
 *
 * @param purpose what the connection is for
 * @param rank who connects
 * @param size how many ranks it expects
 * @param port where it can be connected to itself; 0 for nowhere
 * @param name its machine and process, for messages
 */
record Handshake(byte purpose, int rank, int size, int port, String name) {
  /** A connection to the first rank: who is where, and who is gone. */
  static final byte JOIN = 1;

  /** A connection for numbers. */
  static final byte DATA = 2;

  private static final byte[] MAGIC = "eqvae ranks 1\n".getBytes(StandardCharsets.US_ASCII);
  private static final int NONCE = 32;
  private static final int PROOF = 32;
  private static final int LONGEST_NAME = 300;
  private static final int PATIENCE_MILLIS = 10_000;

  /** The side that was connected to: empty for a stranger, who is to be turned away. */
  static Optional<Handshake> receive(Socket socket, String token) throws IOException {
    socket.setSoTimeout(PATIENCE_MILLIS);
    DataInputStream in = new DataInputStream(socket.getInputStream());
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    byte[] ours = nonce();
    out.write(MAGIC);
    out.write(ours);
    out.flush();
    if (!MessageDigest.isEqual(in.readNBytes(MAGIC.length), MAGIC)) {
      return Optional.empty();
    }
    byte[] theirs = in.readNBytes(NONCE);
    byte purpose = in.readByte();
    int rank = in.readInt();
    int size = in.readInt();
    int port = in.readInt();
    int length = in.readUnsignedShort();
    if (length > LONGEST_NAME) {
      return Optional.empty();
    }
    String name = new String(in.readNBytes(length), StandardCharsets.UTF_8);
    Handshake handshake = new Handshake(purpose, rank, size, port, name);
    if (!MessageDigest.isEqual(
        in.readNBytes(PROOF), handshake.proof("joins", token, ours, theirs))) {
      return Optional.empty();
    }
    out.write(handshake.proof("welcome", token, ours, theirs));
    out.flush();
    socket.setSoTimeout(0);
    return Optional.of(handshake);
  }

  /** The side that connects. */
  void send(Socket socket, String token) throws IOException {
    socket.setSoTimeout(PATIENCE_MILLIS);
    DataInputStream in = new DataInputStream(socket.getInputStream());
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    if (!MessageDigest.isEqual(in.readNBytes(MAGIC.length), MAGIC)) {
      throw new EqvaeException.Environment(
          socket.getRemoteSocketAddress()
              + " does not answer as a rank of this version of eqvae does");
    }
    byte[] theirs = in.readNBytes(NONCE);
    byte[] ours = nonce();
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    out.write(MAGIC);
    out.write(ours);
    out.writeByte(purpose);
    out.writeInt(rank);
    out.writeInt(size);
    out.writeInt(port);
    out.writeShort(text.length);
    out.write(text);
    out.write(proof("joins", token, theirs, ours));
    out.flush();
    byte[] answer = in.readNBytes(PROOF);
    if (!MessageDigest.isEqual(answer, proof("welcome", token, theirs, ours))) {
      throw new EqvaeException.Environment(
          socket.getRemoteSocketAddress()
              + " turned this rank away: do all ranks have the same "
              + RankEnvironment.TOKEN
              + "?");
    }
    socket.setSoTimeout(0);
  }

  private byte[] proof(String who, String token, byte[] asked, byte[] asker) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(token.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
      mac.update(
          (who + " " + purpose + " " + rank + " " + size + " " + port + " " + name + " ")
              .getBytes(StandardCharsets.UTF_8));
      mac.update(asked);
      mac.update(asker);
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new EqvaeException.Internal("every JDK has HmacSHA256", e);
    }
  }

  private static byte[] nonce() {
    byte[] bytes = new byte[NONCE];
    new SecureRandom().nextBytes(bytes);
    return bytes;
  }
}
