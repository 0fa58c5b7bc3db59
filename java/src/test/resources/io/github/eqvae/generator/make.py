"""Makes dit-training.pt and dit-networks.tsv with facebookresearch/DiT's models.py, whose folder is the argument.

dit-training.pt is what its train.py saves, of a toy network with random weights after one step: {model, ema, opt, args}.
dit-networks.tsv has for each published network how many tensors and numbers its state_dict has, and the SHA-256 of its
lines "name shape", sorted.
"""
import argparse
import copy
import hashlib
import sys

import torch

sys.path.insert(0, sys.argv[1])
from models import DiT, DiT_models  # noqa: E402

torch.manual_seed(0)
model = DiT(input_size=4, patch_size=2, in_channels=3, hidden_size=16, depth=2, num_heads=2, num_classes=3)
for name, p in model.named_parameters():
    if name != "pos_embed":
        torch.nn.init.normal_(p, std=0.1)
ema = copy.deepcopy(model)
opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
model(torch.randn(2, 3, 4, 4), torch.tensor([1, 2]), torch.tensor([0, 2])).square().mean().backward()
opt.step()
args = argparse.Namespace(model="DiT-S/2", image_size=32, num_classes=3, epochs=1)
torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "args": args}, "dit-training.pt")

with open("dit-networks.tsv", "w") as out:
    print("# facebookresearch/DiT: network, tensors, numbers, SHA-256 of the sorted lines 'name shape'", file=out)
    for name, make in DiT_models.items():
        with torch.device("meta"):
            tensors = make().state_dict()
        lines = sorted(f"{key} {list(t.shape)}" for key, t in tensors.items())
        digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
        print(name, len(tensors), sum(t.numel() for t in tensors.values()), digest, sep="\t", file=out)
