package io.github.eqvae.train.run;

import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.log.TensorBoardWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Passes the events of a run to its log, to TensorBoard, to pictures and to the observer. */
final class RunLogger implements TrainListener, AutoCloseable {
  private final TrainingRun<?> run;
  private final RunLog log;
  private final TensorBoardWriter board;
  private final RunObserver observer;
  private final SlowdownWatch watch;
  private final List<GradientAlarm> alarms = new ArrayList<>();

  RunLogger(TrainingRun<?> run, RunLog log, TensorBoardWriter board) {
    this.run = run;
    this.log = log;
    this.board = board;
    observer = run.observer();
    watch = new SlowdownWatch(run.trainer().stream().device().info(), log, observer);
    run.trainer().task().zeroGradients().forEach(zero -> alarms.add(new GradientAlarm(zero)));
  }

  @Override
  public void started(long step, long steps) {
    observer.started(step, steps);
    watch.begin();
  }

  @Override
  public void step(StepReport r) throws IOException {
    run.requireOwned(); // before the step's line is written
    observer.step(r);
    watch.step(r.step(), r.samples());
    for (GradientAlarm alarm : alarms) {
      Optional<String> zero = alarm.check(r);
      if (zero.isPresent()) {
        log.write("zero_gradients", r.step(), Map.of("what", zero.get()));
        observer.note(zero.get());
      }
    }
    if (r.step() % run.recipe().run().logEvery() == 0 || r.step() == r.steps() || r.skipped()) {
      Map<String, Object> line = new LinkedHashMap<>(r.values());
      line.putAll(r.notes());
      line.put("images_per_second", r.samples() / r.seconds());
      log.write("step", r.step(), line);
      for (Map.Entry<String, Double> e : r.values().entrySet()) {
        board.scalar("train/" + e.getKey(), r.step(), e.getValue());
      }
    }
  }

  @Override
  public void validated(long step, Map<String, Double> values) throws IOException {
    log.write("validation", step, values);
    for (Map.Entry<String, Double> e : values.entrySet()) {
      board.scalar("validation/" + e.getKey(), step, e.getValue());
    }
    watch.begin();
  }

  @Override
  public void saving(long step) throws IOException {
    run.requireOwned();
  }

  @Override
  public void samples(long step) throws IOException {
    Optional<Image> picture = run.sample();
    if (picture.isEmpty()) {
      return;
    }
    Path folder = run.folder().samples();
    Files.createDirectories(folder);
    byte[] png = Images.png(picture.get());
    AtomicFiles.write(folder.resolve(String.format(Locale.ROOT, "step-%08d.png", step)), png);
    board.image("samples", step, png, picture.get().width(), picture.get().height());
  }

  @Override
  public void nonFinite(
      long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes)
      throws IOException {
    run.keepNonFinite(step, batch, values, notes, log);
  }

  @Override
  public void close() {
    observer.ended();
  }
}
