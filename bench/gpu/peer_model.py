"""SD-VAE, PatchGAN, LPIPS and the EQ-VAE training step in PyTorch, as a careful user would write them: autocast to bf16
(or fp32 with TF32 allowed), channels_last, fused Adam, the moving average in one call. Computes what StepTask and
CodingTask of io.github.eqvae.bench.gpu compute."""
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer_ops import numbers, tuned


class ResnetBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, cin, 1e-6), nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(32, cout, 1e-6), nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.shortcut(x) + h


class AttnBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.GroupNorm(32, c, 1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(c, c, 1) for _ in range(4))

    def forward(self, x):
        n, c, h, w = x.shape
        y = self.norm(x)
        q, k, v = (f(y).permute(0, 2, 3, 1).reshape(n, 1, h * w, c) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(y.reshape(n, h, w, c).permute(0, 3, 1, 2))


class Downsample(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Autoencoder(nn.Module):
    def __init__(self, case):
        super().__init__()
        ch, mult, z = case["ch"], case["ch_mult"], case["z_channels"]
        widths = [ch * m for m in mult]
        blocks, c = [nn.Conv2d(3, ch, 3, padding=1)], ch
        for i, width in enumerate(widths):
            for _ in range(case["num_res_blocks"]):
                blocks.append(ResnetBlock(c, width))
                c = width
            if i + 1 < len(widths):
                blocks.append(Downsample(c))
        blocks += self.middle(c) + [nn.GroupNorm(32, c, 1e-6), nn.SiLU(), nn.Conv2d(c, 2 * z, 3, padding=1)]
        self.encoder = nn.Sequential(*blocks, nn.Conv2d(2 * z, 2 * z, 1))
        blocks = [nn.Conv2d(z, z, 1), nn.Conv2d(z, c, 3, padding=1)] + self.middle(c)
        for i, width in reversed(list(enumerate(widths))):
            for _ in range(case["num_res_blocks"] + 1):
                blocks.append(ResnetBlock(c, width))
                c = width
            if i > 0:
                blocks.append(Upsample(c))
        self.decoder = nn.Sequential(*blocks, nn.GroupNorm(32, c, 1e-6), nn.SiLU())
        self.conv_out = nn.Conv2d(c, 3, 3, padding=1)

    @staticmethod
    def middle(c):
        return [ResnetBlock(c, c), AttnBlock(c), ResnetBlock(c, c)]

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.conv_out(self.decoder(z))


def discriminator(width):
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    c = width
    for i, stride in enumerate((2, 2, 1)):
        layers += [nn.Conv2d(c, width << (i + 1), 4, stride, 1, bias=False), nn.BatchNorm2d(width << (i + 1)),
                   nn.LeakyReLU(0.2, True)]
        c = width << (i + 1)
    return nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1))


class Lpips(nn.Module):
    def __init__(self, width):
        super().__init__()
        stages, c = [], 3
        for i, (multiple, count) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))):
            layers = [nn.MaxPool2d(2)] if i else []
            for _ in range(count):
                layers += [nn.Conv2d(c, width * multiple, 3, padding=1), nn.ReLU(True)]
                c = width * multiple
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.heads = nn.ParameterList([torch.rand(s[-2].out_channels) for s in stages])
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, target, image):
        a, b = (target - self.shift) / self.scale, (image - self.shift) / self.scale
        total = 0
        for stage, head in zip(self.stages, self.heads):
            a, b = stage(a), stage(b)
            x, y = (f.float() / (f.float().square().sum(1, keepdim=True).sqrt() + 1e-10) for f in (a, b))
            total = total + ((x - y).square() * head.view(1, -1, 1, 1)).sum(1).mean((1, 2))
        return total


def resized(x, scale, turns, multiple):
    h, w = (multiple * int(s // multiple * scale) for s in x.shape[2:])
    x = F.interpolate(x, (h, w), mode="bilinear", align_corners=False)
    return torch.rot90(x, turns, (3, 2)).contiguous(memory_format=torch.channels_last)


def autoencoder(case, device):
    return Autoencoder(case).to(device).to(memory_format=torch.channels_last)


def photos(case, device):
    x = torch.rand(case["batch"], 3, case["resolution"], case["resolution"]) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    return x.pin_memory() if device.type == "cuda" else x


def counted(work, *networks):
    """Tells how many parameters the networks have: both sides must agree."""
    work.parameters = sum(p.numel() for n in networks for p in n.parameters())
    return work


def encode(case, device, compiled):
    vae = autoencoder(case, device).to(numbers(case))
    x = photos(case, device).to(device, numbers(case))
    run = tuned(vae.encode, compiled, "max-autotune")  # which records CUDA graphs

    def work():
        with torch.no_grad():
            return run(x)
    return counted(work, vae)


def decode(case, device, compiled):
    vae = autoencoder(case, device).to(numbers(case))
    side = case["resolution"] >> (len(case["ch_mult"]) - 1)
    z = torch.randn(case["batch"], case["z_channels"], side, side, device=device, dtype=numbers(case))
    z = z.contiguous(memory_format=torch.channels_last)
    run = tuned(vae.decode, compiled, "max-autotune")

    def work():
        with torch.no_grad():
            return run(z)
    return counted(work, vae)


def recorded(work, device):
    """The same as a CUDA graph, which is replayed without Python: what the host takes to launch does not count."""
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return lambda: graph.replay()


def step(training, case, device, mode):
    """`training` makes a step that can be run. `mode`: eager, compile or graph: the compiled step recorded, or the eager
    one where that fails. With -bf16 after it weights, moments and averages are bf16, too: less than eqvae does, which keeps them in fp32, but what is fastest counts.
    """
    mode, _, pure = mode.partition("-")
    pure = pure == "bf16"
    if mode != "graph":
        return training(case, device, compiled=mode == "compile", pure=pure)
    try:
        work = training(case, device, compiled=True, pure=pure, looks=False)
        return counted(recorded(work, device), *work.networks)
    except Exception as e:
        print(f"the compiled step cannot be recorded, the eager one is: {e}", file=sys.stderr)
    work = training(case, device, compiled=False, pure=pure, looks=False)
    return counted(recorded(work, device), *work.networks)


def training(case, device, compiled, pure=False, looks=True):
    """One step, under autocast or `pure` in bf16. In a graph the host cannot look at gradient norms (`looks`): they are
    computed all the same.

    The generator's losses are walked backward to the reconstruction, once each. From there conv_out's own gradient gives
    the adaptive weight, and one walk of both gradients, weighted, goes through the rest.
    """
    vae, lpips = autoencoder(case, device), Lpips(case["width"]).to(device).to(memory_format=torch.channels_last)
    disc = discriminator(case["width"]).to(device).to(memory_format=torch.channels_last)
    if pure:
        if numbers(case) is not torch.bfloat16:
            raise ValueError("a step in TF32 is not in bf16")
        for network in (vae, lpips, disc):
            network.to(torch.bfloat16)
    fused = device.type == "cuda"
    adam, adam_d = (torch.optim.Adam(m.parameters(), 1e-4, (0.5, 0.9), fused=fused, capturable=fused) for m in (vae, disc))
    weights = [p.detach() for p in vae.parameters()]
    averages = [w.clone() for w in weights]
    images, factor = photos(case, device), 1 << (len(case["ch_mult"]) - 1)
    mixed = numbers(case) is torch.bfloat16 and not pure
    number = torch.bfloat16 if pure else torch.float32  # of what goes into a network
    scale, turns, batch = case.get("scale"), case.get("turns", 0), case["batch"]
    # conv_out is not compiled with the rest: otherwise its gradient alone would need the whole decoder's backward pass.
    encoder, features = tuned(vae.encode, compiled), tuned(vae.decoder, compiled)
    distance, judge = tuned(lpips, compiled), tuned(disc, compiled)
    last, kl_weight = vae.conv_out.weight, torch.tensor(1e-6, device=device)

    def finite(network):
        total = torch.isfinite(nn.utils.get_total_norm([p.grad for p in network.parameters()]))
        if looks and not total:
            raise RuntimeError("the benchmark diverged")

    def work():
        x = images.to(device, non_blocking=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            mean, logvar = encoder(x.to(number)).float().chunk(2, 1)
            logvar = logvar.clamp(-30, 20)
            z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
            kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum() / batch
            target = x
            if scale is not None:
                z, target = resized(z, scale, turns, 1), resized(x, scale, turns, factor)
            y = vae.conv_out(features(z.to(number))).float()
            image = y.detach().requires_grad_()
            disc.requires_grad_(False)
            rec = (target - image).abs() + distance(target.to(number), image.to(number)).float().view(-1, 1, 1, 1)
            nll = rec.sum() / batch
            g = -judge(image.to(number)).float().mean()
        (of_nll,), (of_g,) = torch.autograd.grad(nll, image), torch.autograd.grad(g, image)

        def norm(gradient):
            return torch.autograd.grad(y, last, gradient, retain_graph=True)[0].float().norm()

        weight = (norm(of_nll) / (norm(of_g) + 1e-4)).clamp(0, 1e4) * 0.5
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward([y, kl], [of_nll + weight * of_g, kl_weight])
        disc.requires_grad_(True)
        finite(vae)
        adam.step()
        torch._foreach_lerp_(averages, weights, 1e-4)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            real, fake = judge(target.to(number)).float(), judge(y.detach().to(number)).float()
            loss = 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
        adam_d.zero_grad(set_to_none=True)
        loss.backward()
        finite(disc)
        adam_d.step()
    work.networks = vae, disc
    return counted(work, *work.networks)
