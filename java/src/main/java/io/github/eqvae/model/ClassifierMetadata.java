package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What the file of a classifier says of its network: the metadata entry {@code eqvae.classifier},
 * words with a space between them. The first word is the kind, the others are numbers. Files of
 * convolutional classifiers have only numbers: they are older than the other kinds.
 *
 * @param kind {@link #CONVOLUTIONAL} or {@link #VIT}; another word in a file of a later version
 * @param numbers the shape, in the order of the kind's own {@link ClassifierConfig}
 */
public record ClassifierMetadata(String kind, List<Integer> numbers) {
  /** {@link SmallClassifier}: channels, side, width, classes. */
  public static final String CONVOLUTIONAL = "convolutional";

  /** A vision transformer: channels, side, patch, width, depth, heads, classes. */
  public static final String VIT = "vit";

  private static final String KEY = "eqvae.classifier";

  /** Copies the list. */
  public ClassifierMetadata {
    numbers = List.copyOf(numbers);
  }

  /**
   * Whether a file holds a classifier.
   *
   * @param metadata what it says beside the tensors
   * @return true if it says the shape of one
   */
  public static boolean isThere(Map<String, String> metadata) {
    return metadata.containsKey(KEY);
  }

  /**
   * Reads the entry of a file.
   *
   * @param file for the error message
   * @param metadata what the file says beside the tensors
   * @return the entry
   * @throws EqvaeException.Argument when there is none, or not all words are numbers
   */
  public static ClassifierMetadata of(Path file, Map<String, String> metadata) {
    List<String> words = Arrays.asList(metadata.getOrDefault(KEY, "").split(" "));
    boolean named = !words.getFirst().isEmpty() && Character.isLetter(words.getFirst().charAt(0));
    try {
      return new ClassifierMetadata(
          named ? words.getFirst() : CONVOLUTIONAL,
          words.stream().skip(named ? 1 : 0).map(Integer::valueOf).toList());
    } catch (NumberFormatException e) {
      throw new EqvaeException.Argument(
          file
              + " was not written by `train classifier-…`: its metadata have no "
              + KEY
              + " with the network's shape. `train classifier-…` makes one");
    }
  }

  /**
   * The entry of a file.
   *
   * @return one entry
   */
  public Map<String, String> toMap() {
    String shape = numbers.stream().map(String::valueOf).collect(Collectors.joining(" "));
    return Map.of(KEY, kind.equals(CONVOLUTIONAL) ? shape : kind + " " + shape);
  }
}
