package io.github.eqvae.io;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Listens to {@link Notices}, whatever the tests before have heard of them. */
public final class HeardNotices {
  private HeardNotices() {}

  /**
   * Begins to listen, as a fresh process does: a note that was sent before is sent again.
   *
   * @return gets the notes from now on, until another test listens
   */
  public static List<String> listen() {
    List<String> notices = new CopyOnWriteArrayList<>();
    Notices.forget();
    Notices.to(notices::add);
    return notices;
  }
}
