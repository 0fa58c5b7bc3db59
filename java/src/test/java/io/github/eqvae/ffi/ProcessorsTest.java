package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many of 16 processors the CPU library takes for itself when control groups limit it. */
class ProcessorsTest {
  @TempDir Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  private int processors() throws IOException, InterruptedException {
    Path program = Path.of(System.getProperty("eqvae.native.dir"), "processors_test");
    Process process = new ProcessBuilder(program.toString(), root.toString()).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor());
    return Integer.parseInt(text.strip());
  }

  @Test
  void allWithoutLimits() throws Exception {
    assertEquals(16, processors());
    write("proc/self/cgroup", "0::/");
    write("sys/fs/cgroup/cpu.max", "max 100000");
    assertEquals(16, processors());
  }

  @Test
  void aContainerOfVersion2() throws Exception {
    write("proc/self/cgroup", "0::/");
    write("sys/fs/cgroup/cpu.max", "100000 100000");
    assertEquals(1, processors());
    write("sys/fs/cgroup/cpu.max", "250000 100000");
    assertEquals(3, processors()); // a started processor counts
    write("sys/fs/cgroup/cpu.max", "5000 100000");
    assertEquals(1, processors());
    write("sys/fs/cgroup/cpu.max", "9900000 100000");
    assertEquals(16, processors());
  }

  @Test
  void theTightestGroupOfAllAbove() throws Exception {
    write("proc/self/cgroup", "0::/kubepods/pod/c1");
    write("sys/fs/cgroup/kubepods/pod/c1/cpu.max", "max 100000");
    write("sys/fs/cgroup/kubepods/pod/cpu.max", "200000 100000");
    write("sys/fs/cgroup/kubepods/cpu.max", "800000 100000");
    assertEquals(2, processors());
  }

  @Test
  void version1UnderEitherNameOfItsFolder() throws Exception {
    write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n0::/");
    write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "150000");
    write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000");
    assertEquals(2, processors());
    write("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "100000");
    write("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000");
    assertEquals(1, processors());
  }

  /** As in Docker: /proc names a path of the host, the mounted folder is the container's group. */
  @Test
  void aPathThatIsNotVisible() throws Exception {
    write("proc/self/cgroup", "4:cpu:/docker/abc");
    write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000");
    write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    assertEquals(4, processors());
    write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
    assertEquals(16, processors());
  }

  /** Of 16 processors, two by two in a core, as systems number them: the second threads last. */
  @Test
  void twoThreadsOfACoreAreOne() throws Exception {
    for (int processor = 0; processor < 16; processor++) {
      int core = processor % 8;
      write(
          "sys/devices/system/cpu/cpu" + processor + "/topology/thread_siblings_list",
          core + "," + (core + 8));
    }
    assertEquals(8, processors());
    write("proc/self/cgroup", "0::/");
    write("sys/fs/cgroup/cpu.max", "300000 100000");
    assertEquals(3, processors());
  }
}
