package io.github.eqvae.train.classifier;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.Loader;
import io.github.eqvae.data.LoaderOptions;
import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Split;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import io.github.eqvae.train.run.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** The images of a run of a classifier, and its accuracy. */
public final class ClassifierWorkload implements Workload<ClassifierTask> {
  private static final String ACCURACY = "accuracy";

  private final ClassifierRecipe recipe;
  private final Split split;

  ClassifierWorkload(ClassifierRecipe recipe, RunObserver observer) throws IOException {
    this.recipe = recipe;
    LabelledImages d = recipe.data();
    boolean folder = Files.isDirectory(d.path());
    ImageDataset whole;
    if (folder) {
      whole = ImageFolder.open(d.path(), DecodeOptions.DEFAULT, observer::skipped);
    } else {
      Path labels =
          d.labels()
              .or(() -> IdxDataset.labelsBeside(d.path()))
              .orElseThrow(
                  () ->
                      new EqvaeException.Argument(
                          d.path()
                              + " is a file of pictures: name that of their labels with"
                              + " data.labels"));
      whole = IdxDataset.open(d.path(), labels);
    }
    requireLabels(whole);
    split = Split.random(whole, d.validation(), recipe.run().seed());
  }

  private void requireLabels(ImageDataset whole) {
    for (int i = 0; i < whole.size(); i++) {
      int label = whole.label(i).orElse(-1);
      if (label < 0 || label >= recipe.classes()) {
        throw new EqvaeException.Argument(
            "%s: %s %s, expected one of 0 to %d (model.classes)"
                .formatted(
                    recipe.data().path(),
                    whole.name(i),
                    label < 0 ? "has no class" : "is of class " + label,
                    recipe.classes() - 1));
      }
    }
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%s to train on, %,d held out",
        Counts.of(split.train().size(), "image"),
        split.validation().size());
  }

  @Override
  public List<String> heldOutNames() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < split.validation().size(); i++) {
      names.add(split.validation().name(i));
    }
    return names;
  }

  @Override
  public Map<String, String> agreement() {
    return Map.of(
        "names of the training pictures",
        FileHash.ofLines(IntStream.range(0, split.train().size()).mapToObj(split.train()::name)));
  }

  private List<Transform> transforms(boolean training) {
    LabelledImages d = recipe.data();
    List<Transform> all = new ArrayList<>();
    all.add((image, random) -> squared(image, d));
    if (training && d.flip()) {
      all.add(new Transform.HorizontalFlip(0.5));
    }
    return all;
  }

  /** Pictures of IDX files, which are tiny, get a border; others are cropped. */
  private static Image squared(Image image, LabelledImages d) {
    int side = d.resolution();
    Image gray = image.withChannels(d.channels());
    return image.width() < side && image.height() < side
        ? gray.pad(side, side, 0)
        : new Transform.CenterCrop(side).apply(gray, new SampleRandom(0, 0, 0));
  }

  private LoaderOptions options(int batch) {
    LabelledImages d = recipe.data();
    return LoaderOptions.of(
        batch, d.resolution(), d.resolution(), d.channels(), recipe.run().seed());
  }

  @Override
  public Batches batches(long first, int every) {
    Loader loader =
        Loader.training(
            split.train(), transforms(true), options(recipe.run().batchSize()), first, every);
    return new Batches() {
      @Override
      public void load(long index, HostBatch to) throws IOException {
        Batch batch = loader.next();
        if (batch.step() != index) {
          throw new IllegalStateException("batch " + batch.step() + " came, " + index + " was due");
        }
        float[] images = to.floats(ClassifierTask.IMAGES);
        System.arraycopy(batch.pixels(), 0, images, 0, images.length);
        int[] labels = to.ints(ClassifierTask.LABELS);
        for (int i = 0; i < batch.size(); i++) {
          labels[i] = split.train().label(batch.indices()[i]).orElseThrow();
        }
      }

      @Override
      public void close() {
        loader.close();
      }
    };
  }

  @Override
  public Map<String, Double> validate(Trainer<ClassifierTask> trainer) throws IOException {
    int batch = Math.min(recipe.run().batchSize(), split.validation().size());
    long right = 0;
    long all = 0;
    Stream stream = trainer.stream();
    try (Loader loader = Loader.evaluation(split.validation(), transforms(false), options(batch));
        TensorArena arena = new TensorArena(stream.device(), "validation")) {
      Optional<Batch> next = loader.poll();
      while (next.isPresent()) {
        Batch b = next.get();
        float[] logits = logits(trainer, arena, b, batch);
        for (int i = 0; i < b.size(); i++) {
          right +=
              best(logits, i) == split.validation().label(b.indices()[i]).orElseThrow() ? 1 : 0;
        }
        all += b.size();
        next = loader.poll();
      }
    }
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put(ACCURACY, (double) right / all);
    return figures;
  }

  private float[] logits(Trainer<ClassifierTask> trainer, TensorArena arena, Batch b, int batch) {
    LabelledImages d = recipe.data();
    arena.reset();
    Tensor x = arena.tensor(Shape.of(batch, d.resolution(), d.resolution(), d.channels()));
    int values = batch * d.resolution() * d.resolution() * d.channels();
    x.set(trainer.stream(), Arrays.copyOf(b.pixels(), values));
    Tape tape = new Tape(trainer.stream(), arena, Tape.Mode.INFERENCE);
    return trainer.task().network().logits(tape, x).toFloats(trainer.stream());
  }

  private int best(float[] logits, int row) {
    int best = 0;
    for (int c = 1; c < recipe.classes(); c++) {
      int at = row * recipe.classes();
      best = logits[at + c] > logits[at + best] ? c : best;
    }
    return best;
  }

  @Override
  public List<Metric> metrics() {
    return List.of(new Metric(ACCURACY, ACCURACY, true));
  }

  @Override
  public Optional<Image> sample(Trainer<ClassifierTask> trainer) {
    return Optional.empty();
  }

  @Override
  public void saveModel(
      Trainer<ClassifierTask> trainer, RunFolder folder, Path file, Map<String, String> more)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>(recipe.config().metadata().toMap());
    metadata.putAll(more);
    ModelFile.save(file, trainer.task().network().parameters(), trainer.stream(), metadata);
  }

  @Override
  public String finish(TrainingRun<ClassifierTask> run) throws IOException {
    Map<String, Double> figures = validate(run.trainer());
    AtomicFiles.write(
        run.folder().evaluation(), ResultFile.text("eqvae-classifier-evaluation", figures));
    return String.format(
        Locale.ROOT,
        "right for %.1f %% of %,d held-out images%n",
        100 * figures.get(ACCURACY),
        split.validation().size());
  }
}
