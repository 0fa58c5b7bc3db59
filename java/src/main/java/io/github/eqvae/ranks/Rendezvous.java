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
 * they tell who is gone ({@link Watch}).
 */
final class Rendezvous {
  private static final int RETRY_MILLIS = 200;
  private static final int ALIVE_SECONDS = 5;
  private static final int ALIVE_PROBES = 3;
  private static final int BACKLOG = 1024;

  private final RankEnvironment launch;
  private final RankEnvironment.Meeting meeting;
  private final long deadline;
  private final @Nullable SocketChannel[] data;
  private final @Nullable SocketChannel[] control;
  private final String[] names;

  private Rendezvous(RankEnvironment launch, RankEnvironment.Meeting meeting) {
    this.launch = launch;
    this.meeting = meeting;
    deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(patience());
    data = new SocketChannel[launch.size()];
    control = new SocketChannel[launch.size()];
    names = new String[launch.size()];
    names[launch.rank()] = name();
  }

  /** A connection whose other side has proved who it is. */
  private record Arrival(SocketChannel channel, Greeting greeting) {}

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

  static TcpTransport meet(RankEnvironment launch, RankEnvironment.Meeting meeting) {
    Rendezvous all = new Rendezvous(launch, meeting);
    try {
      InetAddress host = all.address();
      if (launch.rank() == 0) {
        all.lead(host);
      } else {
        all.join(host);
      }
      Watch watch = new Watch(launch.rank(), all.names, all.control, all.data);
      return new TcpTransport(launch.rank(), all.data, watch);
    } catch (IOException e) {
      all.close();
      throw new EqvaeException.Environment(
          "the ranks could not meet at " + meeting + ": " + reason(e), e);
    } catch (InterruptedException e) {
      all.close();
      Thread.currentThread().interrupt();
      throw new EqvaeException.Environment("interrupted while ranks met at " + meeting, e);
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
      return InetAddress.getByName(meeting.host());
    } catch (UnknownHostException e) {
      throw new EqvaeException.Environment(
          "MASTER_ADDR is " + meeting.host() + ", and nothing here knows a machine of that name",
          e);
    }
  }

  private void lead(InetAddress host) throws IOException, InterruptedException {
    try (ServerSocketChannel door = listen(host, meeting.port());
        ServerSocketChannel own = listen(host, 0)) {
      BlockingQueue<Arrival> arrivals = admit(door);
      BlockingQueue<Arrival> calls = admit(own);
      Greeting[] who = new Greeting[launch.size()];
      String[] hosts = new String[launch.size()];
      hosts[0] = host.getHostAddress();
      for (int missing = launch.size() - 1; missing > 0; ) {
        Arrival one = next(arrivals, who);
        Greeting g = one.greeting();
        String refusal = refusal(g, who);
        if (g.purpose() != Greeting.JOIN || !refusal.isEmpty()) {
          write(one.channel(), refusal);
          one.channel().close();
          if (g.size() != launch.size()) {
            throw new EqvaeException.Environment(refusal);
          }
          continue;
        }
        who[g.rank()] = g;
        control[g.rank()] = one.channel();
        names[g.rank()] = g.name();
        hosts[g.rank()] =
            ((InetSocketAddress) one.channel().getRemoteAddress()).getAddress().getHostAddress();
        missing--;
      }
      StringBuilder list = new StringBuilder();
      for (int r = 0; r < launch.size(); r++) {
        int port = r == 0 ? port(own) : who[r].port();
        list.append(hosts[r]).append('\t').append(port).append('\t').append(names[r]).append('\n');
      }
      for (int r = 1; r < launch.size(); r++) {
        write(control(r), "");
        write(control(r), list.toString());
      }
      take(calls);
    }
  }

  private String refusal(Greeting g, Greeting[] who) {
    if (g.size() != launch.size()) {
      return "rank "
          + g.rank()
          + " ("
          + g.name()
          + ") was told of "
          + g.size()
          + " ranks, rank 0 of "
          + launch.size();
    }
    if (g.rank() < 1 || g.rank() >= who.length || who[g.rank()] != null) {
      return "two processes say that they are rank "
          + g.rank()
          + ": "
          + g.name()
          + ", and "
          + (g.rank() == 0 ? names[0] : who[g.rank()].name());
    }
    return "";
  }

  private void join(InetAddress host) throws IOException, InterruptedException {
    SocketChannel channel = reach(new InetSocketAddress(host, meeting.port()));
    control[0] = channel;
    InetAddress here = ((InetSocketAddress) channel.getLocalAddress()).getAddress();
    try (ServerSocketChannel own = listen(here, 0)) {
      BlockingQueue<Arrival> calls = admit(own);
      greet(channel, Greeting.JOIN, port(own));
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
        if (r < launch.rank()) {
          InetSocketAddress there =
              new InetSocketAddress(InetAddress.getByName(row[0]), Integer.parseInt(row[1]));
          SocketChannel to = reach(there);
          data[r] = to;
          greet(to, Greeting.DATA, 0);
        }
      }
      take(calls);
    }
  }

  /** Takes the connections of the ranks after this one. */
  private void take(BlockingQueue<Arrival> calls) throws IOException, InterruptedException {
    for (int missing = launch.size() - 1 - launch.rank(); missing > 0; ) {
      Arrival one = next(calls, new Greeting[0]);
      int r = one.greeting().rank();
      if (one.greeting().purpose() == Greeting.DATA
          && r > launch.rank()
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

  private void greet(SocketChannel channel, byte purpose, int port) throws IOException {
    new Greeting(purpose, launch.rank(), launch.size(), port, names[launch.rank()])
        .send(channel.socket(), meeting.token());
  }

  private ServerSocketChannel listen(InetAddress host, int port) {
    try {
      ServerSocketChannel door = ServerSocketChannel.open();
      door.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      return door.bind(new InetSocketAddress(host, port), BACKLOG);
    } catch (IOException e) {
      throw new EqvaeException.Environment(
          "rank "
              + launch.rank()
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

  private static int port(ServerSocketChannel door) throws IOException {
    return ((InetSocketAddress) door.getLocalAddress()).getPort();
  }

  /** Lets ranks in, each greeted by a thread of its own, so that a stranger holds up nobody. */
  private BlockingQueue<Arrival> admit(ServerSocketChannel door) {
    BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
    Thread.ofVirtual()
        .name("eqvae-door")
        .start(
            () -> {
              try {
                while (true) {
                  SocketChannel channel = door.accept();
                  Thread.ofVirtual().start(() -> admit(channel, arrivals));
                }
              } catch (IOException closed) {
                // All are here, or the wait is over.
              }
            });
    return arrivals;
  }

  private void admit(SocketChannel channel, BlockingQueue<Arrival> arrivals) {
    try {
      prepare(channel);
      Optional<Greeting> greeting = Greeting.receive(channel.socket(), meeting.token());
      if (greeting.isPresent()) {
        arrivals.add(new Arrival(channel, greeting.get()));
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

  private Arrival next(BlockingQueue<Arrival> arrivals, Greeting[] who)
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
            + launch.size()
            + " ranks came to "
            + meeting
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
            + launch.rank()
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
