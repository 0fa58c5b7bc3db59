"""Makes zip.pt, legacy.pt, protocol4.pt and kinds.pt, the files that TorchSavedTest reads, with PyTorch 2.13."""
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

# Everything else that torch.load(weights_only=True) accepts. None of it can be weights of an autoencoder.
square = torch.arange(16, dtype=torch.float32).reshape(4, 4)
complex64 = torch.tensor([1 + 2j, 3 - 4j])
scales = torch.tensor([0.5, 0.25, 0.5, 0.25])
kinds = {
    "sparse_coo": square.to_sparse(),
    "sparse_csr": square.to_sparse_csr(),
    "sparse_csc": square.to_sparse_csc(),
    "sparse_bsr": square.to_sparse_bsr((2, 2)),
    "sparse_bsc": square.to_sparse_bsc((2, 2)),
    "sparse_parameter": torch.nn.Parameter(square.to_sparse()),
    "meta": torch.empty(3, 4, device="meta"),
    "meta_parameter": torch.nn.Parameter(torch.empty(2, device="meta")),
    "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)]),
    "quint8": torch.quantize_per_tensor(square, 0.1, 3, torch.quint8),
    "qint8": torch.quantize_per_channel(square, scales, torch.zeros(4, dtype=torch.long), 0, torch.qint8),
    "qint32": torch.quantize_per_tensor(square, 0.1, 0, torch.qint32),
    "quint4x2": torch.quantize_per_channel(square, scales, torch.zeros(4), 0, torch.quint4x2),
    "conjugate": complex64.conj(),
    "negative": torch.tensor([1 + 2j]).conj().imag,
    "float8_e8m0fnu": torch.ones(3).to(torch.float8_e8m0fnu),
    "float4_e2m1fn_x2": torch.ones(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
    "complex32": torch.zeros(3, dtype=torch.complex32),
    "bits8": torch.ones(3, dtype=torch.uint8).view(torch.bits8),
    "layout": torch.strided,
    "dtype": torch.quint8,
}
torch.save({"state_dict": {"weight": square}, "beside": kinds}, "kinds.pt")
