package io.github.eqvae.jobs;

import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.io.ImageFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Reports each file that is left out once, and counts broken and unreadable ones separately. */
final class LeftOut {
  private final EncodeJob.Listener listener;
  private final Set<String> named = ConcurrentHashMap.newKeySet();
  private final AtomicLong broken = new AtomicLong();
  private final AtomicLong notRead = new AtomicLong();

  LeftOut(EncodeJob.Listener listener) {
    this.listener = listener;
  }

  /** Reports a file; from any thread. */
  void add(String name, String cause) {
    if (!named.add(name)) {
      return;
    }
    if (ImageFormat.isOtherFormat(cause)) {
      notRead.incrementAndGet();
      listener.notRead(name, cause);
    } else if (ImageFolder.isArchive(cause)) {
      listener.notRead(name, cause); // an archive is not counted
    } else {
      broken.incrementAndGet();
      listener.broken(name, cause);
    }
  }

  /** The number of broken files so far. */
  long broken() {
    return broken.get();
  }

  /** The number of pictures in formats that cannot be read so far. */
  long notRead() {
    return notRead.get();
  }
}
