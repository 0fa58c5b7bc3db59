package io.github.eqvae;

/**
 * What eqvae throws when it cannot do what the caller asked for. The message says what was wrong,
 * what it was, what was expected and what to do.
 */
public sealed class EqvaeException extends RuntimeException
    permits EqvaeException.Environment,
        EqvaeException.Argument,
        EqvaeException.Unsupported,
        EqvaeException.DeviceFailure,
        EqvaeException.OutOfMemory,
        EqvaeException.Diverged,
        EqvaeException.Internal {

  private static final long serialVersionUID = 1L;

  private EqvaeException(String message) {
    super(message);
  }

  private EqvaeException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * The exception that belongs to a status of the C interface.
   *
   * @param status a status other than 0; its hundreds digit chooses the class (see {@code eqv.h})
   * @param text the text the native side gave
   * @return the exception, to be thrown by the caller
   */
  public static EqvaeException of(int status, String text) {
    return switch (status / 100) {
      case 1 -> new Environment(text);
      case 2 -> new Argument(text);
      case 3 -> new Unsupported(text);
      case 4 -> new DeviceFailure(text);
      case 5 -> new OutOfMemory(text);
      default -> new Internal(text + " (status " + status + ")");
    };
  }

  /** The machine lacks something: a library, a driver, a device. */
  public static final class Environment extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what is missing and how to get it
     */
    public Environment(String message) {
      super(message);
    }

    /**
     * Creates the exception.
     *
     * @param message what is missing and how to get it
     * @param cause the failure underneath
     */
    public Environment(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** An argument, shape or setting is wrong. */
  public static non-sealed class Argument extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what was wrong, actual, expected, what to do
     */
    public Argument(String message) {
      super(message);
    }
  }

  /** This device or build cannot do that. */
  public static final class Unsupported extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what is not supported and what is
     */
    public Unsupported(String message) {
      super(message);
    }
  }

  /** The device reported a failure; its stream can no longer be used. */
  public static final class DeviceFailure extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what the device reported
     */
    public DeviceFailure(String message) {
      super(message);
    }
  }

  /** Memory of the device ran out. */
  public static final class OutOfMemory extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message how many bytes, what for, and which settings help
     */
    public OutOfMemory(String message) {
      super(message);
    }
  }

  /** Training diverged: loss or gradients were not finite in too many updates in a row. */
  public static final class Diverged extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Training diverged.
     *
     * @param message what happened and what to try
     */
    public Diverged(String message) {
      super(message);
    }
  }

  /** A bug in eqvae. */
  public static final class Internal extends EqvaeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what went wrong
     */
    public Internal(String message) {
      super(message);
    }

    /**
     * Creates the exception.
     *
     * @param message what went wrong
     * @param cause the failure underneath
     */
    public Internal(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
