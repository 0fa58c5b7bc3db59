package io.github.eqvae.train.log;

import io.github.eqvae.io.WriteFailure;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Event files that TensorBoard reads: TFRecord frames (length, masked CRC-32C, data, masked
 * CRC-32C) around protocol buffers of type {@code tensorflow.Event}. Source: tensorflow {@code
 * core/util/event.proto}, {@code core/lib/io/record_writer.cc}, {@code
 * core/framework/summary.proto}.
 */
public final class TensorBoardWriter implements Closeable {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private final Path directory;
  private final OutputStream out;

  /**
   * Starts a new event file. TensorBoard joins the files of one folder. Each file begins with a
   * session log: from its step on, the file replaces earlier ones. So the steps that a killed run
   * made after its last checkpoint are not shown twice.
   *
   * @param directory the folder
   * @param step steps done before: later ones in earlier files are superseded
   * @throws IOException when the file cannot be made
   */
  public TensorBoardWriter(Path directory, long step) throws IOException {
    this.directory = directory;
    long seconds = System.currentTimeMillis() / 1000;
    out = Channels.newOutputStream(EventFiles.next(directory, seconds));
    Message event = new Message();
    event.fixed64(1, Double.doubleToRawLongBits(seconds));
    event.bytes(3, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
    record(event);
    // The first START that TensorBoard sees replaces nothing. The run may have begun with a version
    // that wrote none, so the file of a resumed run has it twice.
    for (int i = 0; i < (step > 0 ? 2 : 1); i++) {
      sessionStart(step + 1);
    }
  }

  private void sessionStart(long step) throws IOException {
    Message session = new Message();
    session.varint(1, 1); // SessionLog.START
    Message event = new Message();
    event.fixed64(1, Double.doubleToRawLongBits(System.currentTimeMillis() / 1000.0));
    event.varint(2, step);
    event.bytes(7, session.bytes());
    record(event);
  }

  /**
   * A number.
   *
   * @param tag its name; a slash makes a group
   * @param step the step it belongs to
   * @param value the number
   * @throws IOException when writing fails
   */
  public void scalar(String tag, long step, double value) throws IOException {
    Message entry = new Message();
    entry.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
    entry.fixed32(2, Float.floatToRawIntBits((float) value));
    summary(step, entry);
  }

  /**
   * A picture.
   *
   * @param tag its name
   * @param step the step it belongs to
   * @param png the encoded picture
   * @param width pixels
   * @param height pixels
   * @throws IOException when writing fails
   */
  public void image(String tag, long step, byte[] png, int width, int height) throws IOException {
    Message image = new Message();
    image.varint(1, height);
    image.varint(2, width);
    image.varint(3, 3);
    image.bytes(4, png);
    Message entry = new Message();
    entry.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
    entry.bytes(4, image.bytes());
    summary(step, entry);
  }

  private void summary(long step, Message entry) throws IOException {
    Message summary = new Message();
    summary.bytes(1, entry.bytes());
    Message event = new Message();
    event.fixed64(1, Double.doubleToRawLongBits(System.currentTimeMillis() / 1000.0));
    event.varint(2, step);
    event.bytes(5, summary.bytes());
    record(event);
  }

  private void record(Message event) throws IOException {
    byte[] data = event.bytes();
    byte[] length =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(data.length).array();
    ByteBuffer frame = ByteBuffer.allocate(16 + data.length).order(ByteOrder.LITTLE_ENDIAN);
    frame.put(length).putInt(maskedCrc(length)).put(data).putInt(maskedCrc(data));
    try {
      out.write(frame.array());
      out.flush();
    } catch (IOException e) {
      throw WriteFailure.of(directory, e);
    }
  }

  /** CRCs of data that contains CRCs are weak, so TFRecord rotates and offsets them. */
  private static int maskedCrc(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    int value = (int) crc.getValue();
    return Integer.rotateRight(value, 15) + 0xa282ead8;
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  /** A protocol buffer that is being written. */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private void raw(long value) {
      long v = value;
      while ((v & ~0x7FL) != 0) {
        out.write((int) (v & 0x7F | 0x80));
        v >>>= 7;
      }
      out.write((int) v);
    }

    private void little(long value, int count) {
      for (int i = 0; i < count; i++) {
        out.write((int) (value >>> 8 * i));
      }
    }

    void varint(int field, long value) {
      raw((long) field << 3 | VARINT);
      raw(value);
    }

    void fixed64(int field, long bits) {
      raw((long) field << 3 | FIXED64);
      little(bits, 8);
    }

    void fixed32(int field, int bits) {
      raw((long) field << 3 | FIXED32);
      little(bits, 4);
    }

    void bytes(int field, byte[] value) {
      raw((long) field << 3 | BYTES);
      raw(value.length);
      out.writeBytes(value);
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }
}
