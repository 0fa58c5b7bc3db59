"""Makes vit-classifier.safetensors with timm, a vision transformer that classifies, with the metadata of eqvae's own files, and
vit-classifier-step.safetensors, what it answers and learns.

in.pixels [3, 1, 8, 8], in.labels [3]; out.logits, out.features (the class token before the head), out.places (the patch
tokens); gradient.NAME of the mean cross-entropy. The transformer uses nothing of torchvision, for which mocks stand in.
"""
import importlib.abc
import importlib.machinery
import json
import sys
from unittest.mock import MagicMock


class Mocks(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] == "torchvision" else None

    def create_module(self, spec):
        return MagicMock(__version__="0.0", __path__=[], __spec__=spec)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Mocks())

import timm  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

torch.manual_seed(0)
vit = VisionTransformer(img_size=8, patch_size=4, in_chans=1, embed_dim=12, depth=2, num_heads=3, num_classes=5)
for p in vit.parameters():
    torch.nn.init.normal_(p, std=0.2)
pixels = torch.rand(3, 1, 8, 8) * 2 - 1
labels = torch.tensor([4, 0, 2])


def step(dtype):
    vit.zero_grad()
    vit.to(dtype)
    tokens = vit.forward_features(pixels.to(dtype))
    logits = vit.forward_head(tokens)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    out = {"out.logits": logits, "out.features": vit.forward_head(tokens, pre_logits=True), "out.places": tokens[:, 1:]}
    out |= {f"gradient.{name}": p.grad for name, p in vit.named_parameters()}
    return {name: t.detach().clone().contiguous() for name, t in out.items()}


single, double = step(torch.float32), step(torch.float64)
noise = {name: (single[name].double() - double[name]).abs().max().item() for name in single}
made = {"made_by": f"vit_classifier.py, timm {timm.__version__}, torch {torch.__version__}"}
vit.to(torch.float32)
save_file(vit.state_dict(), "vit-classifier.safetensors", made | {"eqvae.classifier": "vit 1 8 4 12 2 3 5"})
save_file(
    {"in.pixels": pixels, "in.labels": labels} | single,
    "vit-classifier-step.safetensors",
    made | {"noise_fp32_vs_fp64": json.dumps(noise)},
)
