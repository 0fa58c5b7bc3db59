package io.github.eqvae.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * The owner of a {@link FolderLock}, as its file says.
 *
 * @param what it does there, such as {@code train}
 * @param user whose process it is
 * @param host its machine
 * @param pid its process there
 * @param started when that process began, in milliseconds since 1970, because process numbers are
 *     reused; 0 if unknown
 * @param since when it took the folder, as a text for people
 * @param id distinguishes it from any other owner
 */
record LockOwner(
    String what, String user, String host, long pid, long started, String since, String id) {
  private static final ObjectMapper JSON =
      new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  /** This process. */
  static LockOwner self(String what, String id) {
    return new LockOwner(
        what,
        System.getProperty("user.name", "?"),
        thisHost(),
        ProcessHandle.current().pid(),
        started(ProcessHandle.current()),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        id);
  }

  /** Reads a file; empty if it is incomplete (its owner may just be writing it). */
  static Optional<LockOwner> parse(byte[] text) {
    try {
      LockOwner owner = JSON.readValue(text, LockOwner.class);
      boolean whole = owner != null && owner.host != null && owner.id != null;
      return whole ? Optional.of(owner) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  byte[] bytes() {
    try {
      return (JSON.writeValueAsString(this) + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a record of texts and numbers is JSON", e);
    }
  }

  boolean isOn(String machine) {
    return host.equals(machine);
  }

  /** Whether exactly that process still runs. Only for owners on this machine. */
  boolean isAlive() {
    return ProcessHandle.of(pid)
        .filter(ProcessHandle::isAlive)
        .filter(process -> !isZombie(pid))
        .filter(process -> started == 0 || started(process) == 0 || started == started(process))
        .isPresent();
  }

  /** Killed, but its parent has not read its exit code yet: it will not write any more. */
  private static boolean isZombie(long pid) {
    try {
      String stat =
          Files.readString(
              Path.of("/proc", Long.toString(pid), "stat"), StandardCharsets.ISO_8859_1);
      String state =
          stat.substring(stat.lastIndexOf(')') + 1).strip(); // a name may contain any character
      return state.startsWith("Z") || state.startsWith("X");
    } catch (IOException e) {
      return false; // no Linux
    }
  }

  private static long started(ProcessHandle process) {
    return process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
  }

  /** The machine's name, if possible without asking the network. */
  static String thisHost() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      try {
        return InetAddress.getLocalHost().getHostName();
      } catch (IOException unknown) {
        return "localhost";
      }
    }
  }

  @Override
  public String toString() {
    return "`eqvae "
        + what
        + "` of "
        + user
        + ", process "
        + pid
        + " on "
        + host
        + ", since "
        + since;
  }
}
