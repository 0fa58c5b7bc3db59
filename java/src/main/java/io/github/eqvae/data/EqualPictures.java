package io.github.eqvae.data;

import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.Retrying;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Finds pictures of one folder that are also in another one: the same file under another path, a
 * link to it, or a copy. Pictures that are both trained on and held out say nothing about a model.
 *
 * <p>Only files of equal size are compared: first the 4 kB in the middle, and if these are equal,
 * the whole files.
 */
public final class EqualPictures {
  private static final int SAMPLE = 4096;

  private final ImageFolder pictures;
  private final Map<Long, List<Integer>> bySize = new HashMap<>();
  private final Map<Long, Map<ByteBuffer, List<Integer>>> byMiddle = new HashMap<>();

  /**
   * Remembers pictures.
   *
   * @param pictures the folder
   * @param indices the pictures to remember
   */
  public EqualPictures(ImageFolder pictures, IntStream indices) {
    this.pictures = pictures;
    indices.forEach(
        i -> bySize.computeIfAbsent(pictures.bytes(i), size -> new ArrayList<>()).add(i));
  }

  /**
   * Whether a picture is among those remembered.
   *
   * @param others its folder
   * @param index its number there
   * @return true if a file has the same content
   * @throws IOException if a file cannot be read at present
   */
  public boolean contains(ImageFolder others, int index) throws IOException {
    long bytes = others.bytes(index);
    if (!bySize.containsKey(bytes)) {
      return false;
    }
    Path file = others.file(index);
    try {
      ByteBuffer middle = middle(file, bytes);
      for (int i : middles(bytes).getOrDefault(middle, List.of())) {
        if (Retrying.read(file, () -> Files.mismatch(file, pictures.file(i))) < 0) {
          return true;
        }
      }
      return false;
    } catch (PassingIoException e) {
      throw e;
    } catch (IOException e) {
      return false; // a file that cannot be read is not trained on
    }
  }

  /** The middle bytes of the remembered files of a size; read on first use. */
  private Map<ByteBuffer, List<Integer>> middles(long bytes) throws IOException {
    Map<ByteBuffer, List<Integer>> known = byMiddle.get(bytes);
    if (known == null) {
      known = new HashMap<>();
      for (int i : bySize.getOrDefault(bytes, List.of())) {
        known.computeIfAbsent(middle(pictures.file(i), bytes), middle -> new ArrayList<>()).add(i);
      }
      byMiddle.put(bytes, known);
    }
    return known;
  }

  private static ByteBuffer middle(Path file, long bytes) throws IOException {
    return Retrying.read(
        file,
        () -> {
          ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(SAMPLE, bytes));
          try (SeekableByteChannel channel = Files.newByteChannel(file)) {
            channel.position(Math.max(0, (bytes - SAMPLE) / 2));
            while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
              // until it is full
            }
          }
          return buffer.flip();
        });
  }
}
