package io.github.eqvae.data;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.ImageFormat;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

/**
 * Counts the files of a data set that are left out. Broken pictures and pictures in formats that
 * cannot be read, such as GIF, are counted separately; archives are not counted.
 */
public final class SkippedFiles implements BiConsumer<String, String> {
  private final BiConsumer<String, String> next;
  private final AtomicInteger broken = new AtomicInteger();
  private final AtomicInteger notRead = new AtomicInteger();

  /**
   * Starts with counts of 0.
   *
   * @param next also receives each file's name and cause; from any thread
   */
  public SkippedFiles(BiConsumer<String, String> next) {
    this.next = next;
  }

  /**
   * The message about a file.
   *
   * @param name its name
   * @param cause why it is left out, as {@link ImageFolder#open} gives it
   * @return a line
   */
  public static String line(String name, String cause) {
    boolean broken = !ImageFormat.isOtherFormat(cause) && !ImageFolder.isArchive(cause);
    return (broken ? "skipped broken image " : "not read: ") + FileNames.shown(name) + ": " + cause;
  }

  /**
   * Counts a file.
   *
   * @param name its name
   * @param cause why it is left out, as {@link ImageFolder#open} gives it
   */
  @Override
  public void accept(String name, String cause) {
    if (ImageFormat.isOtherFormat(cause)) {
      notRead.incrementAndGet();
    } else if (!ImageFolder.isArchive(cause)) {
      broken.incrementAndGet();
    }
    next.accept(name, cause);
  }

  /**
   * The counts as a line of text.
   *
   * @return for example {@code "pictures left out: 1 broken\n"}; empty for none
   */
  public String line() {
    String text = text();
    return text.isEmpty() ? "" : "pictures left out: " + text.substring(2) + "\n";
  }

  /**
   * The counts as the end of a message.
   *
   * @return for example {@code ", 1 broken, 2 of formats that are not read"}; empty for none
   */
  public String text() {
    int bad = broken.get();
    int other = notRead.get();
    return (bad > 0 ? String.format(Locale.ROOT, ", %d broken", bad) : "")
        + (other > 0 ? String.format(Locale.ROOT, ", %d of formats that are not read", other) : "");
  }
}
