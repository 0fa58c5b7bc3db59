package io.github.eqvae.simt;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What ptxas made of the kernels of one file for one architecture: an ELF file with the machine
 * code of each kernel in a section of its own. An instruction is 16 bytes, the lowest 12 bits name
 * it; {@link #OPCODES} were found by compiling kernels with known counts of each.
 */
final class Cubin {
  /** A copy of tiles with an operand more: of pixels, or to several blocks, as other bits say. */
  private static final int WIDE_TENSOR_COPY = 0x3b4;

  private static final long IM2COL = 0x50000;
  private static final long MULTICAST = 0x800;

  /** A warpgroup's fence, or with another bit its wait for products. */
  private static final int WARPGROUP = 0x9c5;

  private static final long DEPBAR = 1L << 47;

  /** Names of the instructions that are counted, by their lowest 12 bits. */
  private static final Map<Integer, String> OPCODES =
      Map.of(
          0x9f0, "HGMMA",
          0x23c, "HMMA",
          0x5b4, "UTMALDG",
          0x3b4, "UTMALDG",
          0x3b5, "UTMASTG",
          0x83b, "LDSM",
          0x844, "STSM",
          0xfae, "LDGSTS",
          0x983, "LDL",
          0x387, "STL");

  /** The name of an instruction that is counted, else null; kinds are in other bits of it. */
  private static String name(long lower, long upper) {
    int code = (int) (lower & 0xfff);
    if (code == WARPGROUP) {
      return (lower & DEPBAR) != 0 ? "WARPGROUP.DEPBAR" : "WARPGROUP.ARRIVE";
    }
    String opcode = OPCODES.get(code);
    if (code != WIDE_TENSOR_COPY) {
      return opcode;
    }
    return opcode
        + ((upper & IM2COL) != 0 ? ".IM2COL" : "")
        + ((upper & MULTICAST) != 0 ? ".MULTICAST" : "");
  }

  /**
   * One kernel.
   *
   * @param name as mangled
   * @param registers of a thread
   * @param frame bytes of a thread's stack
   * @param shared bytes of static shared memory of a block
   * @param counts of the instructions that occur
   */
  record Kernel(String name, int registers, int frame, long shared, Map<String, Integer> counts) {
    int count(String opcode) {
      return counts.getOrDefault(opcode, 0);
    }
  }

  private record Section(String name, long offset, long size) {}

  private record Figures(Map<String, Integer> registers, Map<String, Integer> frame) {}

  private static final String CODE = ".text.";

  private Cubin() {}

  static List<Kernel> read(Path path) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    List<Section> sections = sections(file);
    Figures figures = figures(file, sections);
    List<Kernel> kernels = new ArrayList<>();
    for (Section section : sections) {
      if (!section.name.startsWith(CODE)) {
        continue;
      }
      String name = section.name.substring(CODE.length());
      long shared =
          sections.stream()
              .filter(s -> s.name.equals(".nv.shared." + name))
              .mapToLong(Section::size)
              .sum();
      Map<String, Integer> counts = new TreeMap<>();
      for (long at = section.offset; at < section.offset + section.size; at += 16) {
        String opcode = name(file.getLong((int) at), file.getLong((int) at + 8));
        if (opcode != null) {
          counts.merge(opcode, 1, Integer::sum);
        }
      }
      kernels.add(
          new Kernel(name, figures.registers.get(name), figures.frame.get(name), shared, counts));
    }
    return kernels;
  }

  private static List<Section> sections(ByteBuffer file) {
    long table = file.getLong(0x28);
    int entry = file.getShort(0x3a);
    int count = file.getShort(0x3c);
    long names = file.getLong((int) table + file.getShort(0x3e) * entry + 24);
    List<Section> sections = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int at = (int) table + i * entry;
      String name = text(file, (int) names + file.getInt(at));
      sections.add(new Section(name, file.getLong(at + 24), file.getLong(at + 32)));
    }
    return sections;
  }

  /**
   * Section {@code .nv.info}: entries of a format, an attribute, the size of what follows, and
   * that; attributes 0x2f and 0x11 give registers and stack of a kernel named by its symbol.
   */
  private static Figures figures(ByteBuffer file, List<Section> sections) {
    Figures figures = new Figures(new TreeMap<>(), new TreeMap<>());
    Section info = find(sections, ".nv.info");
    long symbols = find(sections, ".symtab").offset;
    long names = find(sections, ".strtab").offset;
    int at = (int) info.offset;
    while (at < info.offset + info.size) {
      boolean hasData = file.get(at) == 4;
      int attribute = file.get(at + 1);
      if (attribute == 0x2f || attribute == 0x11) {
        int symbol = (int) symbols + 24 * file.getInt(at + 4);
        String name = text(file, (int) names + file.getInt(symbol));
        (attribute == 0x2f ? figures.registers : figures.frame).put(name, file.getInt(at + 8));
      }
      at += 4 + (hasData ? file.getShort(at + 2) : 0);
    }
    return figures;
  }

  private static Section find(List<Section> sections, String name) {
    return sections.stream().filter(s -> s.name.equals(name)).findFirst().orElseThrow();
  }

  private static String text(ByteBuffer file, int begin) {
    int end = begin;
    while (file.get(end) != 0) {
      end++;
    }
    return new String(file.array(), begin, end - begin, StandardCharsets.UTF_8);
  }
}
