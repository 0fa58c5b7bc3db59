"""A diffusion transformer and its training step in PyTorch, as a careful user would write them: autocast to bf16, fused
attention, fused AdamW, the moving average in one call. Computes what DitStepTask of io.github.eqvae.bench.gpu computes."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer_model import counted
from peer_ops import numbers, tuned

FREQUENCIES = 128


def modulated(norm, x, shift, scale):
    return norm(x) * (1 + scale[:, None]) + shift[:, None]


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, 1e-6, elementwise_affine=False) for _ in range(2))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x, active):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(active).chunk(6, -1)
        n, tokens, width = x.shape
        qkv = self.qkv(modulated(self.norm1, x, shift1, scale1)).view(n, tokens, 3, self.heads, width // self.heads)
        h = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4).unbind())
        x = x + gate1[:, None] * self.proj(h.transpose(1, 2).reshape(n, tokens, width))
        h = self.fc2(F.gelu(self.fc1(modulated(self.norm2, x, shift2, scale2)), approximate="tanh"))
        return x + gate2[:, None] * h


class Dit(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.side, self.patch, self.channels = case["side"], case["patch"], case["channels"]
        width, self.rows = case["width"], case["side"] // case["patch"]
        self.patches = nn.Conv2d(self.channels, width, self.patch, self.patch)
        self.register_buffer("positions", torch.randn(1, self.rows ** 2, width))
        self.times = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.labels = nn.Embedding(case["classes"] + 1, width)
        self.blocks = nn.ModuleList(Block(width, case["heads"]) for _ in range(case["depth"]))
        self.norm = nn.LayerNorm(width, 1e-6, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.linear = nn.Linear(width, self.patch ** 2 * 2 * self.channels)

    def forward(self, x, t, y):
        rates = torch.exp(-math.log(10000) / FREQUENCIES * torch.arange(FREQUENCIES, device=x.device))
        angles = t[:, None] * rates
        waves = torch.cat((angles.cos(), angles.sin()), -1).to(x.dtype)
        active = F.silu(self.times(waves) + self.labels(y))
        h = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            h = block(h, active)
        h = self.linear(modulated(self.norm, h, *self.modulation(active).chunk(2, -1)))
        n, c, p, r = x.shape[0], 2 * self.channels, self.patch, self.rows
        return h.view(n, r, r, p, p, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, self.side, self.side)


def training(case, device, compiled, pure=False, looks=True):
    """One step, under autocast or `pure` in bf16. In a graph the host cannot look at the gradients' norm (`looks`)."""
    dit = Dit(case).to(device)
    for p in dit.parameters():  # gates start at 0 in DiT, and the work behind a closed gate could not be compared
        nn.init.uniform_(p, -0.05, 0.05)
    number = torch.bfloat16 if pure else torch.float32
    dit.to(number)
    fused = device.type == "cuda"
    adam = torch.optim.AdamW(dit.parameters(), 1e-4, weight_decay=0.0, fused=fused, capturable=fused)
    weights = [p.detach() for p in dit.parameters()]
    averages = [w.clone() for w in weights]
    n, mixed = case["batch"], numbers(case) is torch.bfloat16 and not pure
    host = torch.randn(n, case["channels"], case["side"], case["side"])
    host = host.pin_memory() if device.type == "cuda" else host
    t = torch.rand(n, device=device)
    y = torch.randint(case["classes"] + 1, (n,), device=device)
    network = tuned(dit, compiled)

    def work():
        x = host.to(device, non_blocking=True)
        noise, at = torch.randn_like(x), t.view(-1, 1, 1, 1)
        adam.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            said = network((at * x + (1 - at) * noise).to(number), t, y)
        loss = F.mse_loss(said[:, :case["channels"]].float(), x - noise)
        loss.backward()
        total = torch.isfinite(nn.utils.get_total_norm([p.grad for p in dit.parameters()]))
        if looks and not total:
            raise RuntimeError("the benchmark diverged")
        adam.step()
        torch._foreach_lerp_(averages, weights, 1e-4)
    work.networks = (dit,)
    return counted(work, dit)
