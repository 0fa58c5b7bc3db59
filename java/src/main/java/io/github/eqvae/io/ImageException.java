package io.github.eqvae.io;

import java.io.IOException;

/** A picture that cannot be decoded. The message names the file and the cause. */
public final class ImageException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param name the file's name
   * @param detail what is wrong with it
   */
  public ImageException(String name, String detail) {
    super(name + ": " + detail);
  }

  /**
   * Creates the exception.
   *
   * @param name the file's name
   * @param detail what is wrong with it
   * @param cause the decoder's failure
   */
  public ImageException(String name, String detail, Throwable cause) {
    super(name + ": " + detail, cause);
  }
}
