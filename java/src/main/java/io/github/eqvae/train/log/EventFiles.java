package io.github.eqvae.train.log;

import io.github.eqvae.io.FileLocks;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * TensorBoard's event files of a run. TensorBoard reads the files of a folder one after the other,
 * in the order of their names, as one curve; every folder is a curve of its own.
 */
final class EventFiles {
  private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d+)\\..*");

  private EventFiles() {}

  /**
   * Creates a file whose name comes after the existing ones. If another process is writing to one
   * of them, the new file is in a folder of its own, because the points of two writers would not
   * form one curve.
   *
   * @param directory where the run's events are; made if it is not there
   * @param seconds the time, since 1970
   * @return an open file
   */
  static FileChannel next(Path directory, long seconds) throws IOException {
    long pid = ProcessHandle.current().pid();
    Files.createDirectories(directory);
    long last = -1;
    List<Path> there = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        if (name.matches()) {
          there.add(file);
          last = Math.max(last, Long.parseLong(name.group(1)));
        }
      }
    }
    for (Path file : there) {
      if (isWritten(file)) {
        return next(directory.resolve("process-" + pid), seconds);
      }
    }
    String name =
        String.format(
            Locale.ROOT,
            "events.out.tfevents.%d.%d.eqvae",
            Math.max(seconds, last + 1), // a clock may have been set back
            pid);
    try {
      FileChannel file =
          FileChannel.open(
              directory.resolve(name), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
      FileLocks.tryLock(file); // tells other processes, if the file system has locks
      return file;
    } catch (FileAlreadyExistsException e) {
      return next(directory, seconds + 1);
    }
  }

  private static boolean isWritten(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      return FileLocks.tryLock(channel) == FileLocks.Outcome.BUSY;
    }
  }
}
