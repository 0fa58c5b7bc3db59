#!/usr/bin/env python3
"""PyTorch's side of the GPU benchmark: reads a request per line, answers each with a line of JSON.

  {"prepare": {case}, "mode": MODE}                   builds the case and runs it until it is warm; MODE: eager, compile,
                                                      graph (a training step compiled, then recorded as a CUDA graph
                                                      and replayed); of a training step also each with -bf16 after
                                                      it: not autocast, but everything in bf16
  {"time": n}                                         runs it n times; answers {"ms": for one}
  {"quit": true}

bf16, or fp32 in TF32 where a case says so, with channels_last throughout: PyTorch's fast paths. cuDNN may search for its
fastest algorithm, torch.compile may tune all it can.
"""
import argparse
import json
import sys
import time

import torch

import peer_dit
import peer_model as models
import peer_ops as ops


def prepare(case, device, mode):
    kind = case["kind"]
    if kind in ("step", "dit_step"):
        return models.step(peer_dit.training if kind == "dit_step" else models.training, case, device, mode)
    if mode not in ("eager", "compile"):
        raise ValueError("only training steps are recorded as graphs and have modes in bf16")
    return getattr(ops if hasattr(ops, kind) else models, kind)(case, device, mode == "compile")


class Side:
    def __init__(self, device):
        self.device = torch.device(device)
        self.work = None

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def prepare(self, case, mode):
        self.work = None
        torch.compiler.reset()  # earlier cases count against a limit of compilations; beyond it nothing is compiled
        torch.manual_seed(1)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self.work = prepare(case, self.device, mode)
        for _ in range(3):
            self.work()
        self.synchronize()
        peak = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None
        answer = {"peak_bytes": peak, "parameters": getattr(self.work, "parameters", 0)}
        error = getattr(self.work, "error", None)
        if error:
            off = error()
            answer["error_of_result"] = off if off == off else sys.float_info.max  # JSON has no NaN
        return answer

    def time(self, count):
        self.synchronize()
        begin = time.perf_counter()
        for _ in range(count):
            self.work()
        self.synchronize()
        return {"ms": (time.perf_counter() - begin) / count * 1e3}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    side = Side(parser.parse_args().device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    answers = sys.stdout
    sys.stdout = sys.stderr  # output of libraries must not mix with the answers
    hello = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    print(json.dumps(hello), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "quit" in request:
            return
        try:
            if "prepare" in request:
                answer = side.prepare(request["prepare"], request["mode"])
            else:
                answer = side.time(request["time"])
        except Exception as e:  # out of memory, a compiler that fails: the other cases go on
            side.work = None
            answer = {"error": f"{type(e).__name__}: {e}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
