package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/**
 * How ranks meet over TCP. The first rank listens at the address that the launcher names, and only
 * there. The others connect to it, say who they are and where they listen themselves, and get the
 * list of all. Then each connects to those before it. The connections to the first rank stay open:
 * they tell who is gone ({@link FailureDetector}).
 */
final class Rendezvous {
  private static final int RETRY_MILLIS = 200;
  private static final int ALIVE_SECONDS = 5;
  private static final int ALIVE_PROBES = 3;
  private static final int BACKLOG = 1024;

  private final RankEnvironment environment;
  private final RankEnvironment.Endpoint endpoint;
  private final long deadline;
  private final @Nullable SocketChannel[] data;
  private final @Nullable SocketChannel[] control;
  private final String[] names;

  private Rendezvous(RankEnvironment environment, RankEnvironment.Endpoint endpoint) {
    this.environment = environment;
    this.endpoint = endpoint;
    deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(patience());
    data = new SocketChannel[environment.size()];
    control = new SocketChannel[environment.size()];
    names = new String[environment.size()];
    names[environment.rank()] = name();
  }

  /** A connection whose other side has proved who it is. */
  private record Arrival(SocketChannel channel, Handshake handshake) {}

  /** Seconds to wait for the others. */
  private static long patience() {
    String text = System.getenv().getOrDefault("EQVAE_RANKS_WAIT", "300");
    try {
      return Math.max(1, Long.parseLong(text));
    } catch (NumberFormatException e) {
      throw new EqvaeException.Argument(
          "EQVAE_RANKS_WAIT is '" + text + "', expected seconds to wait for other ranks");
    }
  }

  private static String name() {
    String host;
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      host = "a machine without a name";
    }
    String text = host + ", process " + ProcessHandle.current().pid();
    return text.length() > 90 ? text.substring(text.length() - 90) : text;
  }

  static TcpTransport connect(RankEnvironment environment, RankEnvironment.Endpoint endpoint) {
    Rendezvous all = new Rendezvous(environment, endpoint);
    try {
      InetAddress host = all.address();
      if (environment.rank() == 0) {
        all.lead(host);
      } else {
        all.join(host);
      }
      FailureDetector detector =
          new FailureDetector(environment.rank(), all.names, all.control, all.data);
      return new TcpTransport(environment.rank(), all.data, detector);
    } catch (IOException e) {
      all.close();
      throw new EqvaeException.Environment(
          "the ranks could not meet at " + endpoint + ": " + reason(e), e);
    } catch (InterruptedException e) {
      all.close();
      Thread.currentThread().interrupt();
      throw new EqvaeException.Environment("interrupted while ranks met at " + endpoint, e);
    } catch (RuntimeException e) {
      all.close();
      throw e;
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private InetAddress address() {
    try {
      return InetAddress.getByName(endpoint.host());
    } catch (UnknownHostException e) {
      throw new EqvaeException.Environment(
          "MASTER_ADDR is " + endpoint.host() + ", but this name cannot be resolved", e);
    }
  }

  private void lead(InetAddress host) throws IOException, InterruptedException {
    try (ServerSocketChannel listener = listen(host, endpoint.port());
        ServerSocketChannel own = listen(host, 0)) {
      BlockingQueue<Arrival> arrivals = accept(listener);
      BlockingQueue<Arrival> calls = accept(own);
      Handshake[] who = new Handshake[environment.size()];
      String[] hosts = new String[environment.size()];
      hosts[0] = host.getHostAddress();
      for (int missing = environment.size() - 1; missing > 0; ) {
        Arrival one = next(arrivals, who);
        Handshake h = one.handshake();
        String refusal = refusal(h, who);
        if (h.purpose() != Handshake.JOIN || !refusal.isEmpty()) {
          write(one.channel(), refusal);
          one.channel().close();
          if (h.size() != environment.size()) {
            throw new EqvaeException.Environment(refusal);
          }
          continue;
        }
        who[h.rank()] = h;
        control[h.rank()] = one.channel();
        names[h.rank()] = h.name();
        hosts[h.rank()] =
            ((InetSocketAddress) one.channel().getRemoteAddress()).getAddress().getHostAddress();
        missing--;
      }
      StringBuilder list = new StringBuilder();
      for (int r = 0; r < environment.size(); r++) {
        int port = r == 0 ? port(own) : who[r].port();
        list.append(hosts[r]).append('\t').append(port).append('\t').append(names[r]).append('\n');
      }
      for (int r = 1; r < environment.size(); r++) {
        write(control(r), "");
        write(control(r), list.toString());
      }
      take(calls);
    }
  }

  private String refusal(Handshake h, Handshake[] who) {
    if (h.size() != environment.size()) {
      return "rank "
          + h.rank()
          + " ("
          + h.name()
          + ") was told of "
          + h.size()
          + " ranks, rank 0 of "
          + environment.size();
    }
    if (h.rank() < 1 || h.rank() >= who.length || who[h.rank()] != null) {
      return "two processes say that they are rank "
          + h.rank()
          + ": "
          + h.name()
          + ", and "
          + (h.rank() == 0 ? names[0] : who[h.rank()].name());
    }
    return "";
  }

  private void join(InetAddress host) throws IOException, InterruptedException {
    SocketChannel channel = reach(new InetSocketAddress(host, endpoint.port()));
    control[0] = channel;
    InetAddress here = ((InetSocketAddress) channel.getLocalAddress()).getAddress();
    try (ServerSocketChannel own = listen(here, 0)) {
      BlockingQueue<Arrival> calls = accept(own);
      handshake(channel, Handshake.JOIN, port(own));
      channel.socket().setSoTimeout(Math.toIntExact(Math.max(1, millisLeft())));
      String refusal = read(channel);
      if (!refusal.isEmpty()) {
        throw new EqvaeException.Environment(refusal);
      }
      String[] list = read(channel).split("\n");
      channel.socket().setSoTimeout(0);
      for (int r = 0; r < list.length; r++) {
        String[] row = list[r].split("\t", 3);
        names[r] = row[2];
        if (r < environment.rank()) {
          InetSocketAddress there =
              new InetSocketAddress(InetAddress.getByName(row[0]), Integer.parseInt(row[1]));
          SocketChannel to = reach(there);
          data[r] = to;
          handshake(to, Handshake.DATA, 0);
        }
      }
      take(calls);
    }
  }

  /** Takes the connections of the ranks after this one. */
  private void take(BlockingQueue<Arrival> calls) throws IOException, InterruptedException {
    for (int missing = environment.size() - 1 - environment.rank(); missing > 0; ) {
      Arrival one = next(calls, new Handshake[0]);
      int r = one.handshake().rank();
      if (one.handshake().purpose() == Handshake.DATA
          && r > environment.rank()
          && r < data.length
          && data[r] == null) {
        data[r] = one.channel();
        missing--;
      } else {
        one.channel().close();
      }
    }
  }

  private SocketChannel control(int rank) {
    SocketChannel channel = control[rank];
    if (channel == null) {
      throw new EqvaeException.Internal("rank " + rank + " did not join");
    }
    return channel;
  }

  private void handshake(SocketChannel channel, byte purpose, int port) throws IOException {
    new Handshake(purpose, environment.rank(), environment.size(), port, names[environment.rank()])
        .send(channel.socket(), endpoint.token());
  }

  private ServerSocketChannel listen(InetAddress host, int port) {
    try {
      ServerSocketChannel listener = ServerSocketChannel.open();
      listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      return listener.bind(new InetSocketAddress(host, port), BACKLOG);
    } catch (IOException e) {
      throw new EqvaeException.Environment(
          "rank "
              + environment.rank()
              + " cannot listen at "
              + host.getHostAddress()
              + ":"
              + port
              + " ("
              + reason(e)
              + "). MASTER_ADDR names the machine of rank 0, and MASTER_PORT a port that is free"
              + " there.",
          e);
    }
  }

  private static int port(ServerSocketChannel listener) throws IOException {
    return ((InetSocketAddress) listener.getLocalAddress()).getPort();
  }

  /** Lets ranks in, each received by a thread of its own, so that a stranger holds up nobody. */
  private BlockingQueue<Arrival> accept(ServerSocketChannel listener) {
    BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
    Thread.ofVirtual()
        .name("eqvae-listener")
        .start(
            () -> {
              try {
                while (true) {
                  SocketChannel channel = listener.accept();
                  Thread.ofVirtual().start(() -> accept(channel, arrivals));
                }
              } catch (IOException closed) {
                // All are here, or the wait is over.
              }
            });
    return arrivals;
  }

  private void accept(SocketChannel channel, BlockingQueue<Arrival> arrivals) {
    try {
      prepare(channel);
      Optional<Handshake> handshake = Handshake.receive(channel.socket(), endpoint.token());
      if (handshake.isPresent()) {
        arrivals.add(new Arrival(channel, handshake.get()));
      } else {
        channel.close();
      }
    } catch (IOException stranger) {
      try {
        channel.close();
      } catch (IOException e) {
        stranger.addSuppressed(e);
      }
    }
  }

  private Arrival next(BlockingQueue<Arrival> arrivals, Handshake[] who)
      throws InterruptedException {
    Arrival one = arrivals.poll(Math.max(0, millisLeft()), TimeUnit.MILLISECONDS);
    if (one != null) {
      return one;
    }
    StringBuilder missing = new StringBuilder();
    for (int r = 1; r < who.length; r++) {
      missing.append(who[r] == null ? " " + r : "");
    }
    throw new EqvaeException.Environment(
        "not all "
            + environment.size()
            + " ranks came to "
            + endpoint
            + " within "
            + patience()
            + " s"
            + (missing.isEmpty() ? "" : "; missing:" + missing)
            + ". EQVAE_RANKS_WAIT=SECONDS waits longer.");
  }

  private SocketChannel reach(InetSocketAddress there) throws IOException, InterruptedException {
    IOException last = new IOException("no time left");
    while (millisLeft() > 0) {
      SocketChannel channel = SocketChannel.open();
      try {
        channel.socket().connect(there, Math.toIntExact(Math.max(1, millisLeft())));
        prepare(channel);
        return channel;
      } catch (IOException e) {
        channel.close();
        last = e;
        Thread.sleep(RETRY_MILLIS);
      }
    }
    throw new EqvaeException.Environment(
        "rank "
            + environment.rank()
            + " could not connect to rank 0 at "
            + there.getAddress().getHostAddress()
            + ":"
            + there.getPort()
            + " within "
            + patience()
            + " s ("
            + reason(last)
            + "). Does rank 0 run on the machine that MASTER_ADDR names?",
        last);
  }

  private long millisLeft() {
    return TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
  }

  /** The kernel notices when the other machine is gone, also while nothing is sent. */
  private static void prepare(SocketChannel channel) throws IOException {
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    if (channel.supportedOptions().contains(ExtendedSocketOptions.TCP_KEEPIDLE)) {
      channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, ALIVE_SECONDS);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, ALIVE_SECONDS);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, ALIVE_PROBES);
    }
  }

  private static void write(SocketChannel channel, String text) throws IOException {
    DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
    out.writeUTF(text);
    out.flush();
  }

  private static String read(SocketChannel channel) throws IOException {
    return new DataInputStream(channel.socket().getInputStream()).readUTF();
  }

  private void close() {
    for (SocketChannel[] channels : new SocketChannel[][] {data, control}) {
      for (SocketChannel channel : channels) {
        if (channel != null) {
          try {
            channel.close();
          } catch (IOException e) {
            // It is given up anyway.
          }
        }
      }
    }
  }
}
