package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Seen: with a GPU in the machine encode, decode, evaluate and sample took the CPU silently. */
class DeviceNoteTest {
  @TempDir Path devices;

  private final StringWriter err = new StringWriter();

  private Device open(Optional<String> name) {
    return DeviceOption.open(name, new PrintWriter(err), devices);
  }

  @Test
  void aGpuThatIsNotUsedIsSaid() throws IOException {
    Files.createFile(devices.resolve("nvidia3"));
    try (Device device = open(Optional.empty())) {
      boolean cpu = device.name().equals("cpu");
      assertEquals(cpu ? 1 : 0, err.toString().lines().count(), err.toString());
      if (cpu) {
        assertTrue(err.toString().startsWith("eqvae: note: computes on the CPU: "), "" + err);
        assertTrue(err.toString().contains(device.whyNotFaster().orElseThrow()), "" + err);
      }
    }
  }

  @Test
  void noGpuIsNotWorthANote() throws IOException {
    Files.createFile(devices.resolve("nvidiactl"));
    open(Optional.empty()).close();
    assertEquals("", err.toString());
  }

  @Test
  void whoAsksForTheCpuKnows() throws IOException {
    Files.createFile(devices.resolve("nvidia0"));
    open(Optional.of("cpu")).close();
    assertEquals("", err.toString());
  }
}
