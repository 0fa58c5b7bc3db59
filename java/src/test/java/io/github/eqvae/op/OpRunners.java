package io.github.eqvae.op;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The reference, and the devices that are compared with it. */
final class OpRunners implements AutoCloseable {
  private final OpRunner ref = new OpRunner("ref");
  private final Map<String, OpRunner> devices = new LinkedHashMap<>();

  OpRunners(List<String> names, Function<String, OpRunner> open) {
    names.forEach(name -> devices.put(name, open.apply(name)));
  }

  OpRunner ref() {
    return ref;
  }

  OpRunner on(String device) {
    return devices.get(device);
  }

  @Override
  public void close() {
    devices.values().forEach(OpRunner::close);
    ref.close();
  }
}
