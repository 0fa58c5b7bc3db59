"""Random weights of every network of facebookresearch/DiT, to eqvae and back, bit for bit.

Usage: round-trip.py FOLDER-OF-DiT EQVAE OUT.jsonl [NETWORK ...]
A training's file {model, ema, opt, args} is written with torch, converted to safetensors and from there to a .pt by
`eqvae convert`, and loaded by the reference with load_state_dict (strict): every tensor must have the same bits.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import torch

sys.path.insert(0, sys.argv[1])
from models import DiT_models  # noqa: E402

eqvae, out = sys.argv[2], sys.argv[3]


for number, name in enumerate(sys.argv[4:] or sorted(DiT_models)):
    torch.manual_seed(number)
    with torch.device("meta"):
        model = DiT_models[name]()
    ema = {key: torch.randn(t.shape) for key, t in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f) for f in ("theirs.pt", "ours.safetensors", "again.pt")]
        torch.save({"model": {}, "ema": ema, "opt": {}, "args": argparse.Namespace(model=name, num_classes=1000)}, files[0])
        for source, target in zip(files, files[1:]):
            subprocess.run([eqvae, "convert", source, target, "--to", "dit"], check=True, capture_output=True)
            os.remove(source)
        again = torch.load(files[2], weights_only=True)["ema"]
        model.load_state_dict(again, strict=True, assign=True)
    same = ema.keys() == again.keys() and all(torch.equal(ema[key].view(torch.int32), again[key].view(torch.int32)) for key in ema)
    result = {"network": name, "tensors": len(ema), "numbers": sum(t.numel() for t in ema.values()), "bits_equal": same}
    print(json.dumps(result), flush=True)
    with open(out, "a") as record:
        print(json.dumps(result), file=record)
    del ema, again, model
