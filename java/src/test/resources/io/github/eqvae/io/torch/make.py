"""Makes zip.pt, legacy.pt and protocol4.pt, the files that TorchSavedTest reads, with PyTorch 2.13."""
from collections import OrderedDict

import torch

base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
tagged = torch.tensor([9.0])
tagged.tag = "an attribute"
state_dict = OrderedDict(
    [
        ("base", base),
        ("transposed", base.t()),
        ("column", base[:, 1]),
        ("half", torch.tensor([1.0, -0.5], dtype=torch.float16)),
        ("bfloat16", torch.tensor([3.0, -2.0], dtype=torch.bfloat16)),
        ("double", torch.tensor([[0.25]], dtype=torch.float64)),
        ("count", torch.tensor(7)),
        ("mask", torch.tensor([True, False])),
        ("unsigned", torch.tensor([65535], dtype=torch.uint16)),
        ("parameter", torch.nn.Parameter(torch.tensor([4.0]))),
        ("tagged", tagged),
    ]
)
state_dict._metadata = OrderedDict([("", {"version": 1})])
optimizer = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 4.5e-6}]}
checkpoint = {
    "epoch": 3,
    "state_dict": state_dict,
    "optimizer_states": [optimizer],
    "size": torch.Size([2, 3]),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "seed": 2**70,
}
torch.save(checkpoint, "zip.pt")
torch.save(checkpoint, "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(checkpoint, "protocol4.pt", pickle_protocol=4)
