package io.github.eqvae.diffusion;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Runs several samplers together, each with one sample and its own thread. When all running
 * samplers wait for the network, their inputs are evaluated as one batch. So no sample depends on
 * the others, not even with a sampler whose steps are adaptive.
 *
 * @param <Q> an input of the network
 * @param <S> a sample
 */
public final class Lockstep<Q, S> {
  /**
   * Evaluates the network for a sampler.
   *
   * @param <Q> an input of the network
   */
  @FunctionalInterface
  public interface Asking<Q> {
    /**
     * Waits until the input was evaluated in a batch.
     *
     * @param question the input
     * @return the network's output
     */
    float[] ask(Q question);
  }

  /**
   * The work of one sampler.
   *
   * @param <Q> an input of the network
   * @param <S> the sample
   */
  @FunctionalInterface
  public interface Work<Q, S> {
    /**
     * Makes the sample.
     *
     * @param network evaluates the network
     * @return the sample
     */
    S run(Asking<Q> network);
  }

  /**
   * Evaluates the network for a batch.
   *
   * @param <Q> an input
   */
  @FunctionalInterface
  public interface Network<Q> {
    /**
     * Evaluates a batch.
     *
     * @param questions the inputs, at least one
     * @return an output for each, in their order
     */
    List<float[]> answer(List<Q> questions);
  }

  /** Ends the samplers' threads after a failure; the caller receives only the failure itself. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition asked = lock.newCondition();
  private final Condition answered = lock.newCondition();
  private final List<@Nullable Q> questions;
  private final float[] @Nullable [] answers;
  private final List<@Nullable S> results;
  private int running;
  private int waiting;
  private @Nullable Throwable failure;

  private Lockstep(int count) {
    questions = new ArrayList<>(Collections.nCopies(count, null));
    answers = new float[count][];
    results = new ArrayList<>(Collections.nCopies(count, null));
    running = count;
  }

  /**
   * Runs the samplers; the calling thread evaluates the network.
   *
   * @param <Q> an input of the network
   * @param <S> a sample
   * @param samplers the samplers, each of which gets its own thread
   * @param network the network
   * @return their samples, in their order
   */
  public static <Q, S> List<S> run(List<? extends Work<Q, S>> samplers, Network<Q> network) {
    return new Lockstep<Q, S>(samplers.size()).all(samplers, network);
  }

  private List<S> all(List<? extends Work<Q, S>> samplers, Network<Q> network) {
    for (int i = 0; i < samplers.size(); i++) {
      int number = i;
      Thread.ofVirtual().start(() -> one(number, samplers.get(number)));
    }
    lock.lock();
    try {
      while (true) {
        while (waiting < running) {
          asked.awaitUninterruptibly();
        }
        if (running == 0) {
          return result();
        }
        answer(network);
        waiting = 0;
        answered.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private List<S> result() {
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure); // samplers can throw nothing else
    }
    return results.stream().map(Objects::requireNonNull).toList();
  }

  private void answer(Network<Q> network) {
    List<Integer> whose = new ArrayList<>();
    List<Q> all = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      Q question = questions.get(i);
      if (question != null) {
        whose.add(i);
        all.add(question);
      }
    }
    try {
      if (failure == null) {
        List<float[]> output = network.answer(all);
        for (int i = 0; i < whose.size(); i++) {
          answers[whose.get(i)] = output.get(i);
        }
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    whose.forEach(i -> questions.set(i, null));
  }

  private void one(int number, Work<Q, S> work) {
    try {
      S sample = work.run(question -> ask(number, question));
      lock.lock();
      results.set(number, sample);
    } catch (Stopped e) {
      lock.lock();
    } catch (RuntimeException | Error e) {
      lock.lock();
      failure = failure == null ? e : failure;
    }
    running--;
    asked.signal();
    lock.unlock();
  }

  private float[] ask(int number, Q question) {
    lock.lock();
    try {
      questions.set(number, question);
      waiting++;
      asked.signal();
      while (questions.get(number) != null) {
        answered.awaitUninterruptibly();
      }
      float[] answer = answers[number];
      answers[number] = null;
      if (answer == null) {
        throw new Stopped();
      }
      return answer;
    } finally {
      lock.unlock();
    }
  }
}
