package io.github.eqvae.testing;

import io.github.eqvae.train.run.RunObserver;
import java.util.List;

/**
 * Keeps the messages of a run.
 *
 * @param said receives them; warnings begin with {@code note:}
 */
public record RecordingObserver(List<String> said) implements RunObserver {
  @Override
  public void say(String text) {
    said.add(text);
  }

  @Override
  public void note(String text) {
    said.add("note: " + text);
  }
}
