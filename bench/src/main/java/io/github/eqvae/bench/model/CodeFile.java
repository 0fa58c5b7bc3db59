package io.github.eqvae.bench.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The kernels of a file that ptxas made: an ELF file with a section of code for each kernel. */
final class CodeFile {
  private static final String CODE = ".text.";

  /** Of section .nv.info: the registers of a kernel. */
  private static final int REGISTERS = 0x2f;

  private CodeFile() {}

  private record Section(String name, int offset, int size) {}

  /** The kernels of a cubin, by their mangled names. */
  static List<KernelCode> read(Path path) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int table = (int) file.getLong(0x28);
    int entry = file.getShort(0x3a);
    int names = (int) file.getLong(table + file.getShort(0x3e) * entry + 24);
    List<Section> sections = new ArrayList<>();
    for (int i = 0; i < file.getShort(0x3c); i++) {
      int at = table + i * entry;
      sections.add(
          new Section(
              text(file, names + file.getInt(at)),
              (int) file.getLong(at + 24),
              (int) file.getLong(at + 32)));
    }
    Map<String, Integer> registers = registers(file, sections);
    List<KernelCode> kernels = new ArrayList<>();
    for (Section s : sections) {
      if (s.name.startsWith(CODE)) {
        List<Instruction> code = new ArrayList<>();
        for (int at = s.offset; at < s.offset + s.size; at += Instruction.BYTES) {
          code.add(new Instruction(file.getLong(at), file.getLong(at + 8)));
        }
        String name = s.name.substring(CODE.length());
        kernels.add(KernelCode.of(name, registers.getOrDefault(name, 0), code));
      }
    }
    return kernels;
  }

  private static Map<String, Integer> registers(ByteBuffer file, List<Section> sections) {
    Map<String, Integer> registers = new HashMap<>();
    Section info = find(sections, ".nv.info");
    int symbols = find(sections, ".symtab").offset;
    int names = find(sections, ".strtab").offset;
    int at = info.offset;
    while (at < info.offset + info.size) {
      if (file.get(at + 1) == REGISTERS) {
        int symbol = symbols + 24 * file.getInt(at + 4);
        registers.put(text(file, names + file.getInt(symbol)), file.getInt(at + 8));
      }
      at += 4 + (file.get(at) == 4 ? file.getShort(at + 2) : 0);
    }
    return registers;
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
