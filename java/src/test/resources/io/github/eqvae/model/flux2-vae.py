"""Makes flux2-vae.tsv: names and shapes of the tensors of diffusers' AutoencoderKLFlux2, in its order."""
import torch
from diffusers import AutoencoderKLFlux2, __version__

with torch.device("meta"):
    model = AutoencoderKLFlux2()
with open("flux2-vae.tsv", "w") as out:
    print(f"# AutoencoderKLFlux2(), diffusers {__version__}: {sum(p.numel() for p in model.parameters())} parameters", file=out)
    for name, tensor in model.state_dict().items():
        print(name, list(tensor.shape), sep="\t", file=out)
