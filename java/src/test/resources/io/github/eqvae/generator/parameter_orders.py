"""Makes parameter-orders.tsv: the order of model.parameters() of the references' networks, by which PyTorch numbers an
optimiser's state.

Usage: parameter_orders.py DIT REPA LIGHTNINGDIT MASKGIT HALTON > parameter-orders.tsv
The arguments are the folders of facebookresearch/DiT, sihyun-yu/REPA, hustvl/LightningDiT, and of valeoai/Maskgit-pytorch
(v1.0) and valeoai/Halton-MaskGIT. A line is: network, names, separated by tabs. The last line has the keys of a parameter
group of torch.optim.AdamW.
"""
import subprocess
import sys

NETWORKS = {
    "dit": ("from models import DiT as N", "input_size=4, patch_size=2, in_channels=3, hidden_size=16, depth=2, num_heads=2, num_classes=3"),
    "repa": (
        "from models.sit import SiT as N",
        "input_size=4, patch_size=2, in_channels=3, hidden_size=16, decoder_hidden_size=16, encoder_depth=1, depth=2, num_heads=2,"
        " num_classes=3, z_dims=[12, 20], projector_dim=24, qk_norm=False",
    ),
    "lightningdit": (
        "from models.lightningdit import LightningDiT as N",
        "input_size=4, patch_size=2, in_channels=3, hidden_size=16, depth=2, num_heads=2, num_classes=3, use_qknorm=True,"
        " use_swiglu=True, use_rope=True, use_rmsnorm=True",
    ),
    "maskgit": (
        "from Network.transformer import MaskTransformer as N",
        "img_size=4, hidden_dim=32, codebook_size=20, f_factor=4, depth=2, heads=4, mlp_dim=64, nclass=3",
    ),
    "halton": (
        "from Network.transformer import Transformer as N",
        "input_size=4, hidden_dim=32, codebook_size=20, depth=2, heads=4, mlp_dim=128, nclass=3, register=2",
    ),
}

for (name, (imports, arguments)), folder in zip(NETWORKS.items(), sys.argv[1:]):
    # one process for each: several of them have a module of the same name
    code = f"import sys; sys.path.insert(0, {folder!r}); {imports}; print(*[n for n, _ in N({arguments}).named_parameters()], sep='\\t')"
    print(name, subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip(), sep="\t")

import torch  # noqa: E402

group = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))]).state_dict()["param_groups"][0]
print("AdamW", *group, sep="\t")
