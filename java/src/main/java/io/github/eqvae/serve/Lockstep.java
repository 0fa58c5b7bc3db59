package io.github.eqvae.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets several samplers, each with one sample and a thread of its own, ask one network together:
 * when all that still run wait for an answer, their questions become a batch. So no sample depends
 * on those beside it, not even where a sampler chooses its steps by their error.
 */
final class Lockstep {
  /**
   * What a sampler wants to know of the network.
   *
   * @param x one state {@code [H, W, C]}
   * @param time its time
   * @param label its label
   */
  record Question(float[] x, double time, int label) {}

  /** Asks a question, and waits for the answer. */
  @FunctionalInterface
  interface Asking {
    float[] ask(Question question);
  }

  /** One sampler's work, from the start to the sample. */
  @FunctionalInterface
  interface Work {
    float[] run(Asking network);
  }

  /** Answers a batch of questions, in their order. */
  @FunctionalInterface
  interface Network {
    List<float[]> answer(List<Question> questions);
  }

  /** Ends the samplers' threads after a failure; only the failure itself is seen. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition asked = lock.newCondition();
  private final Condition answered = lock.newCondition();
  private final @Nullable Question[] questions;
  private final float[] @Nullable [] answers;
  private final float[] @Nullable [] results;
  private int running;
  private int waiting;
  private @Nullable Throwable failure;

  private Lockstep(int count) {
    questions = new Question[count];
    answers = new float[count][];
    results = new float[count][];
    running = count;
  }

  /**
   * Runs the samplers; the network is asked by the calling thread.
   *
   * @return their samples
   */
  static List<float[]> run(List<Work> samplers, Network network) {
    return new Lockstep(samplers.size()).all(samplers, network);
  }

  private List<float[]> all(List<Work> samplers, Network network) {
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

  private List<float[]> result() {
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure); // work throws nothing else
    }
    return List.of(results);
  }

  private void answer(Network network) {
    List<Integer> whose = new ArrayList<>();
    List<Question> all = new ArrayList<>();
    for (int i = 0; i < questions.length; i++) {
      Question question = questions[i];
      if (question != null) {
        whose.add(i);
        all.add(question);
      }
    }
    try {
      if (failure == null) {
        List<float[]> said = network.answer(all);
        for (int i = 0; i < whose.size(); i++) {
          answers[whose.get(i)] = said.get(i);
        }
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    whose.forEach(i -> questions[i] = null);
  }

  private void one(int number, Work work) {
    try {
      float[] sample = work.run(question -> ask(number, question));
      lock.lock();
      results[number] = sample;
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

  private float[] ask(int number, Question question) {
    lock.lock();
    try {
      questions[number] = question;
      waiting++;
      asked.signal();
      while (questions[number] != null) {
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
