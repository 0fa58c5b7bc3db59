"""A diffusion transformer and its training step in PyTorch, as a careful user would write them: autocast to bf16, fused
attention, fused AdamW, the moving average in one call. Computes what DitStepTask of io.github.eqvae.bench.gpu computes."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer_model import counted
from peer_ops import numbers, tuned

FREQUENCIES = 128
STEPS = 1000
LEAST_CDF = 1e-12


def flat(values):
    return values.flatten(1).mean(1)


class Velocity:
    """SiT: the squared error of the velocity on straight paths, at times from 0 to 1."""

    def __init__(self, n, device):
        self.told = torch.rand(n, device=device)
        self.at = self.told.view(-1, 1, 1, 1)

    def noisy(self, x, noise):
        return self.at * x + (1 - self.at) * noise

    def __call__(self, said, x, noise, noisy):
        return F.mse_loss(said[:, :x.shape[1]].float(), x - noise)


class Diffusion:
    """DiT: the squared error of the noise, and the variational bound (in bits) for the variance, which the network places
    between its two limits; 1000 linear steps."""

    def __init__(self, n, device, steps=None):
        beta = torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64)
        kept = (1 - beta).cumprod(0)
        before = torch.cat((torch.ones(1, dtype=torch.float64), kept[:-1]))
        posterior = beta * (1 - before) / (1 - kept)
        posterior[0] = posterior[1]
        steps = torch.randint(STEPS, (n,), device=device) if steps is None else steps
        columns = {
            "data": kept.sqrt(),
            "noise": (1 - kept).sqrt(),
            "start": kept.rsqrt(),
            "start_noise": (1 / kept - 1).sqrt(),
            "mean_start": beta * before.sqrt() / (1 - kept),
            "mean_now": (1 - before) * (1 - beta).sqrt() / (1 - kept),
            "least": posterior.log(),
            "most": beta.log(),
        }
        for name, values in columns.items():
            setattr(self, name, values.float().to(device)[steps].view(-1, 1, 1, 1))
        self.first = steps == 0
        self.told = steps.float()

    def noisy(self, x, noise):
        return self.data * x + self.noise * noise

    def __call__(self, said, x, noise, noisy):
        answer, between = said.float().chunk(2, 1)
        return (flat((noise - answer) ** 2) + self.bound(answer.detach(), between, x, noisy)).mean()

    def bound(self, answer, between, x, noisy):
        variance = torch.lerp(self.least.expand_as(x), self.most.expand_as(x), (between + 1) / 2)
        mean = self.mean_start * (self.start * noisy - self.start_noise * answer) + self.mean_now * noisy
        true = self.mean_start * x + self.mean_now * noisy
        divergence = 0.5 * (variance - self.least - 1 + (self.least - variance).exp() + (true - mean) ** 2 * (-variance).exp())
        return torch.where(self.first, flat(self.surprise(x, mean, 0.5 * variance)), flat(divergence)) / math.log(2)

    @staticmethod
    def surprise(x, mean, scale):
        """Of a value among 256 levels from -1 to 1, in nats."""
        def cdf(v):
            return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3)))
        away, inverse = x - mean, (-scale).exp()
        above, below = cdf(inverse * (away + 1 / 255)), cdf(inverse * (away - 1 / 255))
        inside = torch.where(x > 0.999, 1 - below, above - below)
        return -torch.where(x < -0.999, above, inside).clamp_min(LEAST_CDF).log()


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
    for p in dit.parameters():  # gates start at 0 in DiT, which would hide the work before them from the comparison
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
    loss_of = {"dit": Diffusion, "sit": Velocity}[case["loss"]](n, device)
    y = torch.randint(case["classes"] + 1, (n,), device=device)
    network = tuned(dit, compiled)

    def work():
        x = host.to(device, non_blocking=True)
        noise = torch.randn_like(x)
        noisy = loss_of.noisy(x, noise)
        adam.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            said = network(noisy.to(number), loss_of.told, y)
        loss_of(said, x, noise, noisy).backward()
        total = torch.isfinite(nn.utils.get_total_norm([p.grad for p in dit.parameters()]))
        if looks and not total:
            raise RuntimeError("the benchmark diverged")
        adam.step()
        torch._foreach_lerp_(averages, weights, 1e-4)
    work.networks = (dit,)
    return counted(work, dit)
