package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Decoded;
import io.github.eqvae.data.PictureSquare;
import io.github.eqvae.data.Sample;
import io.github.eqvae.data.SampleSource;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.latents.Shard;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.ranks.Agreement;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Encodes images into a folder of shards. Shard k has the images k · shardSize to (k + 1) ·
 * shardSize − 1 of the source, without broken ones. A shard is written completely or not at all, so
 * a job that was killed continues after its last shard, and the result has the same bits.
 *
 * <p>Other threads decode the pictures of a group. The memory is that of two groups, one shard of
 * latents and the network.
 */
public final class EncodeJob {
  /** Receives the progress of a job. */
  public interface Listener {
    /**
     * A group was encoded, or a finished shard was skipped.
     *
     * @param images images in the folder so far
     */
    void encoded(long images);

    /**
     * A picture is left out because it is broken, or has no class although others have one.
     *
     * @param name its name
     * @param cause the reason
     */
    void broken(String name, String cause);

    /**
     * A file that is not broken is left out: a picture in a format that cannot be read, such as
     * GIF, or an archive.
     *
     * @param name its name
     * @param cause the reason
     */
    default void notRead(String name, String cause) {}

    /**
     * A message for the user.
     *
     * @param text the message
     */
    default void note(String text) {}
  }

  /** Offset of the noise numbers of mirrored images. */
  private static final long FLIPPED = 1L << 40;

  private final Path modelPath;
  private final Vae vae;
  private final Path input;
  private final SampleSource source;
  private final EncodeOptions options;
  private final Path folder;
  private final int group;
  private final GroupEncoder encoder;
  private final Listener listener;
  private final LeftOut leftOut;

  private final Map<String, Object> settings;
  private final boolean overwrite;
  private LatentIndex index;
  private Communicator ranks = Communicator.alone();
  private SharedShards shared = new SharedShards(ranks);
  private ShardBuilder shard;
  private final DeadEncoder dead = new DeadEncoder(); // told by the encoder
  private final List<Sample> pending = new ArrayList<>();
  private final Map<Long, String> pendingKeys = new HashMap<>();
  private final SampleKeys keys = new SampleKeys();

  /** Files that are left out when the images are listed, so they belong to no shard. */
  private final long listedBroken;

  private final long listedUnread;
  private long kept;
  private int resumed;

  /**
   * Creates a job.
   *
   * @param modelPath path of the model, for the index
   * @param vae the model
   * @param features extracts features of the same squares, which are stored beside the latents; the
   *     caller closes it
   * @param input the images
   * @param options how they are encoded
   * @param folder receives the shards and {@code index.json}
   * @param group images that are decoded and encoded together; larger groups use more sessions
   * @param tiling for images that are too large to be encoded whole
   * @param overwrite whether latents of other settings may be replaced
   * @param listener receives the progress
   * @throws IOException if the images or the folder cannot be read
   * @throws EqvaeException.Argument if the folder has latents of other settings, or the options do
   *     not suit the model
   */
  public EncodeJob(
      Path modelPath,
      Vae vae,
      Optional<PatchFeatures> features,
      Path input,
      EncodeOptions options,
      Path folder,
      int group,
      Optional<Tiling> tiling,
      boolean overwrite,
      Listener listener)
      throws IOException {
    this.modelPath = modelPath;
    this.vae = vae;
    this.input = input;
    this.options = options;
    this.folder = folder;
    this.group = group;
    encoder = new GroupEncoder(vae, features, options, tiling, dead);
    this.listener = listener;
    leftOut = new LeftOut(listener);
    EncodeChecks.options(modelPath, vae, options, features.isPresent());
    source = SampleSource.open(input, options.decode(), leftOut::add);
    listedBroken = leftOut.broken();
    listedUnread = leftOut.notRead();
    EncodeChecks.labels(input, source, options);
    this.overwrite = overwrite;
    settings = EncodeSettings.of(modelPath, vae, features, input, source, options, tiling);
    index = LatentIndex.open(folder, settings, overwrite);
    shard = newShard(0);
  }

  private ShardBuilder newShard(int number) {
    return new ShardBuilder(number, gathers());
  }

  /**
   * Shares the work with other processes, which have the same folder. Only the first one writes the
   * index.
   *
   * @param all who they are; each calls {@link #run}
   * @return this
   */
  public EncodeJob sharedBy(Communicator all) {
    ranks = all;
    shared = new SharedShards(all);
    return this;
  }

  /**
   * The images to encode.
   *
   * @return the source
   */
  public SampleSource source() {
    return source;
  }

  /**
   * The number of images in finished shards.
   *
   * @return the count
   */
  public long done() {
    return index.images();
  }

  /**
   * Whether the model's scaling packs patches of 2×2 into channels, as FLUX.2's does.
   *
   * @return true if it does
   */
  public boolean gathers() {
    return vae.scaling().map(LatentScaling::gathers).orElse(false);
  }

  /**
   * The root mean square of the scaled latents in the folder, which are a generator's input.
   *
   * @return near 1 if the scaling is right; empty if the model has no scaling
   */
  public OptionalDouble rms() {
    return vae.scaling().map(index::rms).orElse(OptionalDouble.empty());
  }

  /**
   * Channels that are the same everywhere in the latents that are there.
   *
   * @return their numbers; of moments, whose noise differs, none
   */
  public List<Integer> constantChannels() {
    return index.constantChannels();
  }

  /**
   * Encodes the images that are not yet in finished shards.
   *
   * @return a summary of the folder
   * @throws IOException if images cannot be read, all are broken, or the folder cannot be written
   * @throws EqvaeException.Argument if another process writes to the folder
   */
  public EncodeSummary run() throws IOException {
    Agreement.require(ranks, EncodeSettings.lines(settings, source.size()));
    if (!shared.writesIndex()) {
      shared.barrier(); // the first rank prepares the folder
      index = LatentIndex.open(folder, settings, false);
      return encodeAll(() -> {});
    }
    try (FolderLock lock = FolderLock.acquire(folder, "encode", listener::note)) {
      lock.releaseAtExit();
      // opened again: another process may have written since
      index = LatentIndex.open(folder, settings, overwrite);
      AtomicFiles.removeLeftovers(folder);
      index.removeReplaced();
      index.write(false);
      shared.barrier();
      return encodeAll(lock::requireOwned);
    }
  }

  /** Fails if another process took the folder over. */
  private interface Owned {
    void require() throws IOException;
  }

  private EncodeSummary encodeAll(Owned lock) throws IOException {
    resumed = 0;
    long[] next = {0};
    try (ExecutorService decoders =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      source.visit(
          0,
          sample -> {
            next[0] = sample.number() + 1;
            int number = Math.toIntExact(sample.number() / options.shardSize());
            if (number != shard.number()) {
              finishShard(decoders, lock);
              if (shared.endsRound(shard.number(), number)) {
                shared.exchange(index);
              }
              shard = newShard(number);
            }
            Optional<String> key = Optional.empty();
            if (options.format() == ShardFormat.TAR) {
              // also for skipped ones, so that keys do not depend on a resume
              key = Optional.of(keys.next(sample.name()));
            }
            if (index.has(number)) {
              if (sample.number() % options.shardSize() == 0) {
                resumed++;
                listener.encoded(index.images());
              }
              return;
            }
            if (!shared.isMine(number)) {
              return;
            }
            pending.add(sample);
            key.ifPresent(k -> pendingKeys.put(sample.number(), k));
            if (pending.size() == group) {
              encode(decoders);
            }
          });
      finishShard(decoders, lock);
      shared.exchange(index);
    }
    if (index.images() == 0 && shared.writesIndex()) {
      throw new IOException(
          input + ": none of " + next[0] + " pictures could be decoded, or there are none");
    }
    lock.require();
    if (shared.writesIndex()) {
      index.write(true);
    }
    shared.barrier();
    int shards = (int) ((next[0] + options.shardSize() - 1) / options.shardSize());
    long unread = source.unread();
    return new EncodeSummary(
        index.images(),
        index.skipped() - unread + listedBroken,
        unread + listedUnread,
        shards,
        resumed);
  }

  private void finishShard(ExecutorService decoders, Owned lock) throws IOException {
    if (index.has(shard.number())) {
      return;
    }
    encode(decoders);
    if (shard.isEmpty()) {
      return;
    }
    dead.require(modelPath.toString());
    dead.clear();
    lock.require();
    String file =
        String.format(Locale.ROOT, "latents-%05d.%s", shard.number(), options.format().extension());
    long bytes = 0;
    if (shard.images() > 0) {
      options.format().write(folder.resolve(file), shard.build());
      bytes = Files.size(folder.resolve(file));
    }
    shared.made(index, shard.entry(file, bytes));
    kept = 0;
  }

  /** Decodes the pending pictures in parallel and encodes them. */
  private void encode(ExecutorService decoders) throws IOException {
    List<Future<Image>> images = new ArrayList<>();
    PictureSquare square = options.square();
    for (Sample sample : pending) {
      images.add(
          decoders.submit(() -> sample.picture().decode(rows -> square.of(rows, sample.name()))));
    }
    List<Image> whole = new ArrayList<>();
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < images.size(); i++) {
      Sample sample = pending.get(i);
      decoded(sample, images.get(i))
          .ifPresent(
              image -> {
                whole.add(image);
                samples.add(sample);
              });
    }
    pending.clear();
    if (whole.isEmpty()) {
      pendingKeys.clear();
      return;
    }
    // an image's noise depends on its position in its shard, broken images not counted
    long first = (long) shard.number() * options.shardSize() + shard.images();
    encoder.add(shard, whole, samples, "", first);
    if (options.hflip()) {
      List<Image> mirrored = whole.stream().map(Image::flipHorizontal).toList();
      encoder.add(shard, mirrored, samples, Shard.FLIP, FLIPPED + first);
    }
    shard.add(samples, s -> Optional.ofNullable(pendingKeys.get(s.number())), options.labels());
    pendingKeys.clear();
    kept += whole.size();
    listener.encoded(index.images() + kept);
  }

  private Optional<Image> decoded(Sample sample, Future<Image> image) throws IOException {
    try {
      Image whole = Decoded.get(sample.name(), image);
      if (options.labels() && source.isLabelled() && sample.label().isEmpty()) {
        shard.skip();
        leftOut.add(
            sample.name(), "has no class, but other pictures have one; --no-labels encodes it");
        return Optional.empty();
      }
      return Optional.of(whole);
    } catch (PassingIoException | InterruptedIOException passing) {
      throw passing; // the shard is not finished
    } catch (IOException broken) {
      shard.skip();
      leftOut.add(sample.name(), String.valueOf(broken.getMessage()));
      return Optional.empty();
    }
  }
}
