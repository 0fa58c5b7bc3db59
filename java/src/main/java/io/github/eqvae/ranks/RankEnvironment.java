package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.MpiLibrary;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a launcher says of this process: {@code mpirun}, {@code srun}, or one that sets RANK and
 * WORLD_SIZE as PyTorch's torchrun does.
 *
 * @param launcher what said it, for people
 * @param rank which process this is, from 0
 * @param size how many there are
 * @param localSize how many of them are on this machine, 1 if it is not known
 * @param mpi whether they can meet through MPI
 * @param endpoint where they meet over TCP; empty where nothing names it
 * @param bucketBytes size of the buckets in which gradients travel
 */
public record RankEnvironment(
    String launcher,
    int rank,
    int size,
    int localSize,
    boolean mpi,
    Optional<Endpoint> endpoint,
    long bucketBytes) {
  /** The variable with the word that all ranks of a run share. */
  public static final String TOKEN = "EQVAE_TOKEN";

  /** The variable with the size of buckets, in bytes. */
  private static final String BUCKET = "EQVAE_RANKS_BUCKET";

  private static final int BUCKET_BYTES = 1 << 22;

  /** Set by torchrun where it listens at MASTER_PORT itself. */
  private static final String TORCHRUN = "TORCHELASTIC_USE_AGENT_STORE";

  /** The port where nothing names another: PyTorch's. */
  private static final int PORT = 29_500;

  /**
   * Where ranks meet.
   *
   * @param host a name or address of the machine of rank 0
   * @param port its port
   * @param token what all ranks of the run share; others are turned away
   */
  public record Endpoint(String host, int port, String token) {
    @Override
    public String toString() {
      return host + ":" + port; // without the token
    }
  }

  /** Where a launcher writes who is who. */
  private record Names(
      String launcher, String rank, String size, String localSize, boolean mpi, boolean ofTorch) {}

  private static final List<Names> LAUNCHERS =
      List.of(
          new Names(
              "mpirun",
              "OMPI_COMM_WORLD_RANK",
              "OMPI_COMM_WORLD_SIZE",
              "OMPI_COMM_WORLD_LOCAL_SIZE",
              true,
              false),
          new Names("mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", true, false),
          // Set by srun only: a batch script without it has SLURM_NTASKS, and is one process.
          new Names("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "", false, false),
          new Names("RANK and WORLD_SIZE", "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", false, true));

  /**
   * Reads the environment.
   *
   * @param environment its variables
   * @return empty for a process without others
   * @throws EqvaeException.Argument when the variables contradict each other; the message names
   *     them
   */
  public static Optional<RankEnvironment> of(Map<String, String> environment) {
    for (Names names : LAUNCHERS) {
      if (environment.containsKey(names.size())) {
        return of(names, environment);
      }
    }
    return Optional.empty();
  }

  private static Optional<RankEnvironment> of(Names names, Map<String, String> environment) {
    int size = number(names.size(), environment, 1, 1 << 20);
    if (size == 1 && !environment.containsKey(names.rank())) {
      return Optional.empty(); // some shells set the size of one process, and no rank
    }
    int rank = number(names.rank(), environment, 0, Integer.MAX_VALUE);
    if (rank >= size) {
      throw new EqvaeException.Argument(
          names.rank()
              + " is "
              + rank
              + " and "
              + names.size()
              + " "
              + size
              + ": ranks are counted from 0, so the last one is "
              + (size - 1));
    }
    if (size == 1) {
      return Optional.empty();
    }
    boolean known = environment.containsKey(names.localSize());
    int local = known ? number(names.localSize(), environment, 1, size) : 1;
    Optional<Endpoint> endpoint = endpoint(names, environment);
    boolean pmi = environment.containsKey("PMIX_RANK") || environment.containsKey("PMI_RANK");
    return Optional.of(
        new RankEnvironment(
            names.launcher(),
            rank,
            size,
            local,
            names.mpi() || pmi,
            endpoint,
            bucket(environment)));
  }

  private static Optional<Endpoint> endpoint(Names names, Map<String, String> environment) {
    String host = environment.getOrDefault("MASTER_ADDR", "").strip();
    if (host.isEmpty()) {
      if (names.ofTorch()) {
        throw new EqvaeException.Argument(
            "WORLD_SIZE is set, but not MASTER_ADDR: the machine of rank 0, where the ranks meet");
      }
      return Optional.empty();
    }
    String token = environment.getOrDefault(TOKEN, "").strip();
    if (token.isEmpty()) {
      throw new EqvaeException.Argument(
          TOKEN
              + " is not set. It is a word that the ranks of a run share, so that no other program"
              + " joins them: export "
              + TOKEN
              + "=$(openssl rand -hex 16), once for all ranks");
    }
    int port =
        environment.containsKey("MASTER_PORT")
            ? number("MASTER_PORT", environment, 1, 65_535)
            : PORT;
    boolean taken = "True".equals(environment.get(TORCHRUN)) && port < 65_535;
    return Optional.of(new Endpoint(host, taken ? port + 1 : port, token));
  }

  private static long bucket(Map<String, String> environment) {
    return environment.containsKey(BUCKET)
        ? number(BUCKET, environment, Float.BYTES, 1 << 30)
        : BUCKET_BYTES;
  }

  private static int number(String name, Map<String, String> environment, int least, int most) {
    String text = environment.get(name);
    if (text == null) {
      throw new EqvaeException.Argument("the launcher set no " + name);
    }
    try {
      int value = Integer.parseInt(text.strip());
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      // The message below says it.
    }
    throw new EqvaeException.Argument(
        name
            + " is '"
            + text
            + "', expected a whole number "
            + (most == Integer.MAX_VALUE ? "from " + least : "from " + least + " to " + most));
  }

  /**
   * Meets the others.
   *
   * @return the communicator, which the caller closes
   * @throws EqvaeException.Environment when they do not come, or there is no way to them
   */
  public Communicator connect() {
    if (endpoint.isPresent()) {
      return new Communicator(Rendezvous.connect(this, endpoint.get()), bucketBytes);
    }
    if (mpi) {
      return new Communicator(MpiTransport.start(this, MpiLibrary.open()), bucketBytes);
    }
    throw new EqvaeException.Environment(
        launcher
            + " started "
            + size
            + " processes, and nothing says where they meet: set"
            + " MASTER_ADDR to the machine of rank 0, and "
            + TOKEN
            + " to a word that they share");
  }
}
