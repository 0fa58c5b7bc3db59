#!/usr/bin/env python3
"""Writes wgmma_instructions.h: the instruction names each of its registers, so the text is long and regular."""
import textwrap

HEAD = """// wgmma.mma_async, m64nNk16, bf16 with fp32 sums, both operands in shared memory: k contiguous, or with kTransposed the
// rows of a and the columns of b. d{64×N} of a warpgroup: thread t holds rows 16(t / 32) + t % 32 / 4 and + 8, columns
// 8j + 2(t % 4), as d[4j], d[4j + 1] and d[4j + 2], d[4j + 3].
// Written by wgmma_instructions.py; do not edit.
#pragma once

#include <cstdint>

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
namespace eqv::gpu {
"""


def quoted(items):
    lines = textwrap.wrap(", ".join(items), 108)
    return "\n".join(f'      "{line}{" " if i < len(lines) - 1 else ""}"' for i, line in enumerate(lines))


def function(n):
    registers = n // 2
    names = [f"%{i}" for i in range(registers)]
    operands = textwrap.fill(", ".join(f'"+f"(d[{i}])' for i in range(registers)), 112,
                             initial_indent="        ", subsequent_indent="        ")
    a, b, add = registers, registers + 1, registers + 2
    return f"""
template <int kTransposed>
__device__ void wgmma_instruction(float (&d)[{registers}], uint64_t a, uint64_t b, int add) {{
  asm volatile(
      "{{ .reg .pred p; setp.ne.b32 p, %{add}, 0; "
      "wgmma.mma_async.sync.aligned.m64n{n}k16.f32.bf16.bf16 {{"
{quoted(names)}
      "}}, %{a}, %{b}, p, 1, 1, %{add + 1}, %{add + 1}; }}"
      :
{operands}
      : "l"(a), "l"(b), "r"(add), "n"(kTransposed));
}}
"""


text = HEAD + "".join(function(n) for n in (64, 128, 256)) + "\n}  // namespace eqv::gpu\n#endif\n"
with open(__file__.replace(".py", ".h"), "w", encoding="utf-8") as out:
    out.write(text)
