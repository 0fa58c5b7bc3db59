package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Errors of network file systems, which pass or do not. */
class RetryingTest {
  @TempDir Path folder;
  private final List<Integer> waits = new ArrayList<>();
  private int failures;

  @Test
  void anErrorThatPassesIsWaitedFor() throws IOException {
    for (String error :
        List.of("Stale file handle", "Input/output error", "Connection timed out")) {
      failures = 3;
      waits.clear();
      String read =
          Retrying.read(
              folder,
              () -> {
                if (failures-- > 0) {
                  throw new FileSystemException("x", null, error);
                }
                return "content";
              },
              waits::add);
      assertEquals("content", read);
      assertEquals(List.of(200, 800, 2000), waits);
    }
  }

  @Test
  void anErrorThatStaysIsNoBrokenPicture() {
    PassingIoException e =
        assertThrows(
            PassingIoException.class,
            () ->
                Retrying.read(
                    Path.of("x.png"),
                    () -> {
                      throw new IOException("Input/output error");
                    },
                    waits::add));
    assertEquals(4, waits.size());
    assertTrue(
        e.getMessage().startsWith("x.png cannot be read: Input/output error"), e.getMessage());
  }

  @Test
  void whatWillNotPassIsNotWaitedFor() {
    List<IOException> errors =
        List.of(
            new NoSuchFileException("x"),
            new AccessDeniedException("x"),
            new ImageException("x", "is broken"),
            new FileSystemException("x", null, "File name too long"));
    for (IOException error : errors) {
      IOException thrown =
          assertThrows(
              IOException.class,
              () ->
                  Retrying.read(
                      folder,
                      () -> {
                        throw error;
                      },
                      waits::add));
      assertEquals(error, thrown);
    }
    assertEquals(List.of(), waits);
  }

  /** A channel that fails every third read; a stale handle stays stale, so it is opened anew. */
  private SeekableByteChannel failing(Path file) throws IOException {
    SeekableByteChannel real = Files.newByteChannel(file);
    boolean[] stale = {false};
    return new SeekableByteChannel() {
      @Override
      public int read(ByteBuffer target) throws IOException {
        if (stale[0] || ++failures % 3 == 0) {
          stale[0] = true;
          throw new IOException("Stale file handle");
        }
        return real.read(target);
      }

      @Override
      public int write(ByteBuffer source) {
        throw new UnsupportedOperationException();
      }

      @Override
      public long position() throws IOException {
        return real.position();
      }

      @Override
      public SeekableByteChannel position(long position) throws IOException {
        real.position(position);
        return this;
      }

      @Override
      public long size() throws IOException {
        return real.size();
      }

      @Override
      public SeekableByteChannel truncate(long size) {
        throw new UnsupportedOperationException();
      }

      @Override
      public boolean isOpen() {
        return real.isOpen();
      }

      @Override
      public void close() throws IOException {
        real.close();
      }
    };
  }

  /** So are archives read, from their end. */
  @Test
  void aChannelGoesOnWhereItWas() throws IOException {
    Path file = folder.resolve("a.npz");
    float[] values = new float[5000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    NpzFile.write(file, Map.of("latents", NpyArray.floats(values, 5000)));
    try (var zip = NpzFile.open(file, new RetryingChannel(file, this::failing, waits::add));
        InputStream in = zip.getInputStream(zip.getEntry("latents.npy"))) {
      assertArrayEquals(values, NpyArray.read(in, "latents", 1 << 20).toFloats());
    }
    assertTrue(waits.size() > 3, waits.toString());
    PassingIoException stays =
        assertThrows(
            PassingIoException.class,
            () ->
                NpzFile.open(
                    file,
                    new RetryingChannel(
                        file,
                        path -> {
                          failures = 2; // the next read fails
                          return failing(path);
                        },
                        waits::add)));
    assertTrue(stays.getMessage().contains("a.npz"), stays.getMessage());
  }

  @Test
  void aStreamGoesOnWhereItWas() throws IOException {
    byte[] bytes = new byte[10_000];
    new Random(1).nextBytes(bytes);
    Path file = Files.write(folder.resolve("a.tar"), bytes);
    try (InputStream in = Retrying.open(file, this::failing, waits::add)) {
      byte[] read = new byte[bytes.length];
      int at = 0;
      while (at < read.length) {
        if (at == 700) {
          assertEquals(300, in.skip(300));
          System.arraycopy(bytes, at, read, at, 300);
          at += 300;
        }
        at += in.read(read, at, Math.min(100, read.length - at));
      }
      assertArrayEquals(bytes, read);
      assertEquals(-1, in.read());
      assertEquals(0, in.skip(5));
    }
    assertTrue(waits.size() > 20, waits.toString());
  }
}
