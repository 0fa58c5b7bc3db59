"""A run of eqvae, continued by facebookresearch/DiT's network and torch.optim.AdamW.

Usage: resume.py FOLDER-OF-DiT EQVAE RUN OUT.jsonl
RUN is the folder of a run of a small DiT with checkpoints of two neighbouring steps (run.save_every: 1, run.keep: 2, no
accumulation). The earlier one is converted to {model, ema, opt, args, steps} and loaded as train.py and sample.py of DiT and
train.py of REPA do: model.load_state_dict(ckpt["model"]), ema.load_state_dict(ckpt["ema"]), opt.load_state_dict(ckpt["opt"]),
ckpt["steps"]. Then AdamW makes one step. Its gradient is the one that eqvae's next step had, which the first moments of both
checkpoints tell: g = (m' - beta1 m) / (1 - beta1). The weights must be those of eqvae's later checkpoint.
"""
import json
import os
import subprocess
import sys
import tempfile

import torch

sys.path.insert(0, sys.argv[1])
from download import find_model  # noqa: E402
from models import DiT  # noqa: E402

eqvae, run, out = sys.argv[2:5]
steps = sorted(os.listdir(os.path.join(run, "checkpoints")))[-2:]


def read(step, folder):
    file = os.path.join(folder, step + ".pt")
    source = os.path.join(run, "checkpoints", step)
    subprocess.run([eqvae, "convert", source, file, "--to", "dit", "--layout", "training"], check=True, capture_output=True)
    return file


with tempfile.TemporaryDirectory() as folder:
    first, second = (read(step, folder) for step in steps)
    before = torch.load(first, weights_only=False)
    after = torch.load(second)  # with PyTorch's default, too
    average = find_model(first)  # what sample.py takes
shapes = {name: t.shape for name, t in before["model"].items()}
width, channels, patch, _ = shapes["x_embedder.proj.weight"]
model = DiT(
    input_size=patch * int(shapes["pos_embed"][1] ** 0.5),
    patch_size=patch,
    in_channels=channels,
    hidden_size=width,
    depth=1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("blocks.")),
    num_heads=2,
    num_classes=before["args"]["num_classes"],
)
group = before["opt"]["param_groups"][0]
opt = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.5)  # other settings than the file's
model.load_state_dict(average, strict=True)
model.load_state_dict(before["ema"], strict=True)
model.load_state_dict(before["model"], strict=True)
opt.load_state_dict(before["opt"])
beta = group["betas"][0]
for number, p in enumerate(model.parameters()):
    if number in before["opt"]["state"]:
        m, later = (c["opt"]["state"][number]["exp_avg"].double() for c in (before, after))
        p.grad = ((later - beta * m) / (1 - beta)).float()
opt.step()
worst = moved = second = 0.0
for number, (name, p) in enumerate(model.named_parameters()):
    there, was = after["model"][name], before["model"][name]
    worst = max(worst, (p.detach() - there).abs().max().item())
    moved = max(moved, (there - was).abs().max().item())
    if number in before["opt"]["state"]:
        own, their = opt.state[p]["exp_avg_sq"], after["opt"]["state"][number]["exp_avg_sq"]
        second = max(second, ((own - their).abs().max() / their.abs().max().clamp_min(1e-30)).item())
result = {
    "torch": torch.__version__,
    "parameters": len(group["params"]),
    "with_state": len(before["opt"]["state"]),
    "steps": [before["steps"], after["steps"]],
    "learning_rate": group["lr"],
    "weight_decay": group["weight_decay"],
    "largest_update": moved,
    "largest_difference": worst,
    "second_moment_relative": second,
}
print(json.dumps(result))
with open(out, "a") as record:
    print(json.dumps(result), file=record)
sys.exit(worst > 1e-3 * moved)
