package io.github.eqvae.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.github.eqvae.io.SafetensorsException.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header: parsed strictly, then checked by the rules of the reference implementation
 * (huggingface/safetensors:safetensors/src/tensor.rs, {@code validate}) and one more rule: a key
 * that occurs twice is refused.
 *
 * @param tensors name to entry, in the order of the offsets
 * @param metadata the free strings of {@code __metadata__}
 */
record SafetensorsHeader(Map<String, TensorInfo> tensors, Map<String, String> metadata) {
  /** The reference implementation's limit. */
  static final long MAX_BYTES = 100_000_000;

  static final String METADATA = "__metadata__";

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // names and metadata strings may be as long as the header, which has its own limit
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNameLength((int) MAX_BYTES)
                  .maxStringLength((int) MAX_BYTES)
                  .maxNestingDepth(64)
                  .build())
          .build();

  /**
   * Parses and checks a header.
   *
   * @param file for messages
   * @param header the header's bytes
   * @param dataBytes bytes of the file after the header
   */
  static SafetensorsHeader parse(Path file, ByteBuffer header, long dataBytes) throws IOException {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(header).toString();
    } catch (CharacterCodingException e) {
      throw new SafetensorsException(file, Reason.INVALID_UTF8, "the header is not UTF-8");
    }
    if (!text.startsWith("{")) {
      throw new SafetensorsException(
          file, Reason.INVALID_HEADER_START, "the header must begin with '{'");
    }
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    try (JsonParser parser = JSON.createParser(text)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = parser.currentName();
        parser.nextToken();
        if (name.equals(METADATA)) {
          metadata(file, parser, metadata);
        } else {
          tensors.put(name, entry(file, name, parser));
        }
      }
      if (parser.nextToken() != null) {
        throw new SafetensorsException(
            file, Reason.INVALID_JSON, "there is text after the header's closing brace");
      }
    } catch (JsonProcessingException e) {
      String message = e.getOriginalMessage();
      boolean duplicate = message.startsWith("Duplicate field");
      throw new SafetensorsException(
          file, duplicate ? Reason.DUPLICATE_KEY : Reason.INVALID_JSON, message);
    }
    return new SafetensorsHeader(validate(file, tensors, dataBytes), Map.copyOf(metadata));
  }

  private static void metadata(Path file, JsonParser parser, Map<String, String> into)
      throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return; // the reference implementation treats null as absent
    }
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw new SafetensorsException(
          file, Reason.INVALID_METADATA, METADATA + " must be an object of strings");
    }
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw new SafetensorsException(
            file, Reason.INVALID_METADATA, METADATA + "[\"" + key + "\"] must be a string");
      }
      into.put(key, parser.getText());
    }
  }

  private static TensorInfo entry(Path file, String name, JsonParser parser) throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw invalidEntry(file, name, "must be an object");
    }
    String dtype = "";
    long[] shape = {};
    long[] offsets = {};
    boolean hasShape = false;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String field = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (field) {
        case "dtype" -> {
          if (value != JsonToken.VALUE_STRING) {
            throw invalidEntry(file, name, "dtype must be a string");
          }
          dtype = parser.getText();
        }
        case "shape" -> {
          shape = integers(file, name, field, parser);
          hasShape = true;
        }
        case "data_offsets" -> offsets = integers(file, name, field, parser);
        default -> parser.skipChildren(); // as the reference implementation does
      }
    }
    if (dtype.isEmpty() || !hasShape || offsets.length != 2) {
      throw invalidEntry(file, name, "needs dtype, shape and data_offsets [begin, end]");
    }
    if (SafetensorsDtype.of(dtype).isEmpty()) {
      throw new SafetensorsException(
          file,
          Reason.UNKNOWN_DTYPE,
          quote(name)
              + " has dtype \""
              + dtype
              + "\", expected one of "
              + Arrays.toString(SafetensorsDtype.values()));
    }
    return new TensorInfo(dtype, shape, offsets[0], offsets[1]);
  }

  private static long[] integers(Path file, String name, String field, JsonParser parser)
      throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw invalidEntry(file, name, field + " must be an array of integers");
    }
    List<Long> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
        throw invalidEntry(file, name, field + " must be an array of integers");
      }
      if (parser.getText().startsWith("-")) {
        throw new SafetensorsException(
            file, Reason.NEGATIVE_SIZE, quote(name) + " has " + parser.getText() + " in " + field);
      }
      if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
        throw new SafetensorsException(
            file,
            Reason.OVERFLOW,
            quote(name) + " has " + parser.getText() + " in " + field + ", more than 2^63 - 1");
      }
      values.add(parser.getLongValue());
    }
    return values.stream().mapToLong(Long::longValue).toArray();
  }

  private static Map<String, TensorInfo> validate(
      Path file, Map<String, TensorInfo> tensors, long dataBytes) throws SafetensorsException {
    List<Map.Entry<String, TensorInfo>> order = new ArrayList<>(tensors.entrySet());
    order.sort(
        Comparator.comparingLong((Map.Entry<String, TensorInfo> e) -> e.getValue().begin())
            .thenComparingLong(e -> e.getValue().end()));
    Map<String, TensorInfo> sorted = new LinkedHashMap<>();
    long previous = 0;
    for (Map.Entry<String, TensorInfo> one : order) {
      String name = one.getKey();
      TensorInfo info = one.getValue();
      if (info.begin() != previous || info.end() < info.begin()) {
        throw new SafetensorsException(
            file,
            Reason.INVALID_OFFSET,
            quote(name)
                + " lies at ["
                + info.begin()
                + ", "
                + info.end()
                + "), expected to start at "
                + previous
                + " where the tensor before it ends");
      }
      previous = info.end();
      long bytes;
      try {
        bytes = SafetensorsDtype.valueOf(info.dtype()).bytes(info.shape());
      } catch (ArithmeticException e) {
        throw new SafetensorsException(
            file,
            Reason.OVERFLOW,
            quote(name)
                + " of shape "
                + Arrays.toString(info.shape())
                + " does not fit in 64 bits");
      } catch (IllegalArgumentException e) {
        throw new SafetensorsException(
            file, Reason.MISALIGNED, quote(name) + ": " + e.getMessage());
      }
      if (bytes != info.bytes()) {
        throw new SafetensorsException(
            file,
            Reason.SIZE_MISMATCH,
            quote(name) + " has " + info.bytes() + " bytes, expected " + bytes + " for " + info);
      }
      sorted.put(name, info);
    }
    if (previous != dataBytes) {
      throw new SafetensorsException(
          file,
          Reason.INCOMPLETE_COVER,
          "the tensors end at byte "
              + previous
              + " of the data, the file at "
              + dataBytes
              + (previous > dataBytes ? ": it is cut short" : ": there are stray bytes"));
    }
    return sorted;
  }

  private static SafetensorsException invalidEntry(Path file, String name, String detail) {
    return new SafetensorsException(file, Reason.INVALID_ENTRY, quote(name) + " " + detail);
  }

  private static String quote(String name) {
    return "tensor \"" + (name.length() > 200 ? name.substring(0, 200) + "…" : name) + "\"";
  }
}
