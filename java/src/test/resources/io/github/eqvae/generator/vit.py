"""Makes plain-vit.safetensors with timm, a plain vision transformer (no LayerScale) of random weights, and plain-vit-tokens.safetensors.

in.pixels [2, 3, 16, 16]; out.16 its tokens [class, patches] behind the last norm, out.24 those of in.pixels tiled to 24
pixels, for which timm resizes the table of positions. The transformer uses nothing of torchvision, for which mocks stand in.
"""
import importlib.abc
import importlib.machinery
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
vit = VisionTransformer(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=5, dynamic_img_size=True).eval()
for p in vit.parameters():
    torch.nn.init.normal_(p, std=0.2)
x = torch.randn(2, 3, 16, 16)
with torch.no_grad():
    tensors = {"in.pixels": x, "out.16": vit.forward_features(x)}
    tensors["out.24"] = vit.forward_features(x.tile(1, 1, 2, 2)[:, :, :24, :24].contiguous())
made = {"made_by": f"vit.py, timm {timm.__version__}, torch {torch.__version__}"}
save_file(vit.state_dict(), "plain-vit.safetensors", made)
save_file(tensors, "plain-vit-tokens.safetensors", made)
