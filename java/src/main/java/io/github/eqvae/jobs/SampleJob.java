package io.github.eqvae.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import io.github.eqvae.io.Images;
import io.github.eqvae.ranks.Agreement;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Vae;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Samples images into a {@code .npz} file or a folder. A job that was killed continues with the
 * first unfinished chunk, and the result has the same bits.
 */
public final class SampleJob {
  /** Receives the progress of a job. */
  public interface Listener {
    /**
     * Called once, before anything is sampled.
     *
     * @param images number of images of an earlier run
     */
    default void begins(long images) {}

    /**
     * Called after each chunk.
     *
     * @param images number of images so far
     */
    void sampled(long images);

    /**
     * A message for the user.
     *
     * @param text the message
     */
    default void note(String text) {}
  }

  /**
   * A user's request.
   *
   * @param generatorPath path of the generator, for the record
   * @param vaePath path of the autoencoder, for the record
   * @param out a {@code .npz} file, or a folder for PNG files
   * @param count number of samples
   * @param seed seed of noise and labels
   * @param classes classes of the samples
   * @param overwrite whether existing other samples may be replaced
   */
  public record Request(
      Path generatorPath,
      Path vaePath,
      Path out,
      int count,
      long seed,
      SampleClasses classes,
      boolean overwrite) {
    /**
     * Checks the count.
     *
     * @throws EqvaeException.Argument when it is below 1
     */
    public Request {
      if (count < 1) {
        throw new EqvaeException.Argument("--count " + count + ": expected at least 1 sample");
      }
    }
  }

  private static final String FORMAT = "eqvae-samples";
  private static final int VERSION = 1;
  private static final int GAP = 2;
  private static final int BACKGROUND = 255;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final ImageMaker maker;
  private final Vae vae;
  private final Request request;
  private final SampleTarget target;
  private final Listener listener;
  private final Map<String, Object> settings;
  private final int[] labels;
  private Communicator ranks = Communicator.alone();

  /**
   * Creates a job.
   *
   * @param maker makes pictures: a generator and its autoencoder
   * @param vae the autoencoder, for the record
   * @param request the request
   * @param listener receives the progress
   */
  public SampleJob(ImageMaker maker, Vae vae, Request request, Listener listener) {
    this.maker = maker;
    this.vae = vae;
    this.request = request;
    this.listener = listener;
    int side = maker.side();
    target = SampleTarget.of(request.out(), side, side, vae.imageChannels());
    labels = new int[request.count()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = request.classes().label(request.seed(), i);
    }
    settings = settings(side);
  }

  private Map<String, Object> settings(int side) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("format", FORMAT);
    map.put("version", VERSION);
    Map<String, String> paths = new LinkedHashMap<>(); // in one order in every process
    paths.put("generator", request.generatorPath().toString());
    paths.put("autoencoder", request.vaePath().toString());
    map.put("paths", paths);
    map.put("generator_sha256", maker.weightsHash());
    map.put("autoencoder_sha256", vae.weightsHash());
    vae.scaling()
        .ifPresent(
            s -> {
              map.put("scaling_factor", s.scalingFactor());
              map.put("shift_factor", s.shiftFactor());
            });
    map.putAll(maker.describe());
    map.put("seed", request.seed());
    map.put("count", request.count());
    map.put(
        "classes", request.classes() instanceof SampleClasses.Listed l ? l.labels() : "uniform");
    map.put("image_size", side);
    map.put("channels", vae.imageChannels());
    return map;
  }

  /**
   * Shares the work with other processes, which write to the same place. Each makes its chunks; the
   * first one joins them.
   *
   * @param all who they are; each calls {@link #run}
   * @return this
   */
  public SampleJob sharedBy(Communicator all) {
    ranks = all;
    return this;
  }

  /**
   * All settings that the samples depend on.
   *
   * @return values by name, as in the file beside the samples
   */
  public Map<String, Object> settings() {
    return settings;
  }

  /**
   * Samples the unfinished chunks.
   *
   * @param grid a file for a picture of the first samples, if any
   * @return number of samples that existed before
   * @throws IOException if a file cannot be written
   * @throws EqvaeException.Argument if there are other samples, or another process writes there
   */
  public int run(Optional<Path> grid) throws IOException {
    Agreement.require(ranks, lines());
    if (!ranks.isFirst()) {
      ranks.barrier(); // the first rank prepares the place
      int before = before();
      make(() -> {});
      ranks.barrier(); // all have written what they made
      return before;
    }
    Files.createDirectories(target.folder().toAbsolutePath());
    int before;
    try (FolderLock lock = FolderLock.acquire(target.folder(), "sample", listener::note)) {
      lock.releaseAtExit();
      AtomicFiles.removeLeftovers(target.folder());
      begin();
      before = before();
      listener.begins(before);
      ranks.barrier();
      make(lock::requireOwned);
      ranks.barrier();
      List<Image> shown =
          grid.isPresent()
              ? target.read(0, Math.min(SampleTarget.CHUNK, labels.length))
              : List.of();
      lock.requireOwned();
      target.finish(labels, maker.classNames());
      AtomicFiles.write(target.record(), text(true));
      if (grid.isPresent()) {
        writeGrid(grid.get(), shown);
      }
    }
    if (!target.folder().equals(request.out())) {
      Files.deleteIfExists(target.folder());
    }
    return before;
  }

  private Map<String, String> lines() {
    Map<String, String> lines = new LinkedHashMap<>();
    settings.forEach((key, value) -> lines.put(key, String.valueOf(value)));
    lines.remove("paths"); // machines may have the files at different places
    return lines;
  }

  private int chunks() {
    return (labels.length + SampleTarget.CHUNK - 1) / SampleTarget.CHUNK;
  }

  private int samplesOf(int chunk) {
    return Math.min(SampleTarget.CHUNK, labels.length - chunk * SampleTarget.CHUNK);
  }

  /** Samples that are there already. */
  private int before() throws IOException {
    int before = 0;
    for (int chunk = 0; chunk < chunks(); chunk++) {
      before += target.has(chunk, samplesOf(chunk)) ? samplesOf(chunk) : 0;
    }
    return before;
  }

  /** Fails if another process took the place over. */
  private interface Owned {
    void require() throws IOException;
  }

  /** Makes this rank's chunks. */
  private void make(Owned lock) throws IOException {
    for (int chunk = ranks.rank(); chunk < chunks(); chunk += ranks.size()) {
      int first = chunk * SampleTarget.CHUNK;
      int samples = samplesOf(chunk);
      if (!target.has(chunk, samples)) {
        List<Image> images = sample(first, samples);
        lock.require();
        target.write(chunk, images);
        listener.sampled(first + samples);
      }
    }
  }

  /** Checks existing samples, and writes the record with the settings. */
  private void begin() throws IOException {
    Optional<JsonNode> there = read(target.record());
    List<String> differences = there.map(this::differences).orElse(List.of());
    boolean strange = there.isEmpty() && target.isUsed();
    if ((!differences.isEmpty() || strange) && !request.overwrite()) {
      throw new EqvaeException.Argument(
          request.out()
              + (strange
                  ? " already exists, but there is no "
                      + target.record().getFileName()
                      + " with its settings"
                  : " has samples that were made with other settings:\n  "
                      + String.join("\n  ", differences))
              + "\nUse another place, or add --overwrite.");
    }
    if (there.isEmpty() || !differences.isEmpty()) {
      target.clear(there.isPresent());
      AtomicFiles.write(target.record(), text(false));
    }
  }

  private String text(boolean complete) {
    Map<String, Object> all = new LinkedHashMap<>(settings);
    all.put("complete", complete);
    try {
      return JSON.writeValueAsString(all) + "\n";
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Internal("settings could not be written as JSON", e);
    }
  }

  private List<String> differences(JsonNode there) {
    List<String> differences = new ArrayList<>();
    ObjectNode ours = JSON.convertValue(settings, ObjectNode.class);
    for (Map.Entry<String, JsonNode> e : ours.properties()) {
      JsonNode theirs = there.path(e.getKey());
      if (!e.getKey().equals("paths") && !e.getValue().toString().equals(theirs.toString())) {
        differences.add(e.getKey() + ": there " + theirs + ", now " + e.getValue());
      }
    }
    return differences;
  }

  /**
   * Reads the record beside samples.
   *
   * @param file {@code samples.json} or {@code NAME.npz.json}
   * @return empty if there is no such file
   * @throws IOException if it cannot be read, or eqvae did not write it
   */
  public static Optional<JsonNode> read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    JsonNode node;
    try {
      node = JSON.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
    if (!node.path("format").asText().equals(FORMAT) || node.path("version").asInt() > VERSION) {
      throw new IOException(file + " is not a record of samples, or a newer eqvae wrote it");
    }
    return Optional.of(node);
  }

  private List<Image> sample(int first, int samples) {
    int[] part = Arrays.copyOfRange(labels, first, first + samples);
    ImageBatch images = maker.make(part, request.seed(), first);
    FiniteSamples.require(images.pixels(), first, samples, "its image");
    List<Image> all = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      all.add(images.image(i));
    }
    return all;
  }

  private void writeGrid(Path file, List<Image> images) throws IOException {
    int columns = (int) Math.ceil(Math.sqrt(images.size()));
    List<Image> tiles = new ArrayList<>(images);
    Images.writePng(file, ImageGrid.of(tiles, columns, GAP, BACKGROUND));
  }
}
