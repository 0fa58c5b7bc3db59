"""Single operations as PyTorch does them. Each returns a function that runs the operation once.

Inputs are drawn from a normal distribution (zeros would draw less power and run faster) and lie in several sets that
take turns where one would fit into the cache.
"""
import itertools

import torch
import torch.nn.functional as F

BEYOND_CACHE = 256 << 20


def image(device, n, c, h, w):
    x = torch.randn(n, c, h, w, device=device, dtype=torch.bfloat16)
    return x.contiguous(memory_format=torch.channels_last)


def turns(make, size):
    """Calls the functions that `make` returns in turn; `size` is what one set of inputs takes."""
    count = min(8, max(1, -(-BEYOND_CACHE // max(1, size))))
    works = itertools.cycle([make() for _ in range(count)])
    return lambda: next(works)()


def size_of(*tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def conv2d(case, device, compiled):
    n, cin, cout, side, k, stride = (case[i] for i in ("batch", "in", "out", "side", "kernel", "stride"))
    top, bottom, left, right = case["pad"]
    symmetric = top == bottom == left == right
    padding = top if symmetric else 0
    w = image(device, cout, cin, k, k)
    b = torch.randn(cout, device=device, dtype=torch.bfloat16)

    def padded(x):
        return x if symmetric else F.pad(x, (left, right, top, bottom))

    def forward(x):
        return F.conv2d(padded(x), w, b, stride, padding)

    def gradients(mask):
        def run(dy, x):
            return torch.ops.aten.convolution_backward(
                dy, padded(x), w, [cout], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)
        return run

    function = {"FORWARD": forward, "INPUT_GRADIENT": gradients([True, False, False]),
                "WEIGHT_GRADIENT": gradients([False, True, True])}[case["direction"]]
    if compiled:
        function = torch.compile(function, mode="max-autotune-no-cudagraphs")

    def make():
        x = image(device, n, cin, side, side)
        with torch.no_grad():
            dy = torch.randn_like(forward(x))
        arguments = (x,) if case["direction"] == "FORWARD" else (dy, x)

        def work():
            with torch.no_grad():
                return function(*arguments)
        return work

    return turns(make, 2 * n * side * side * (cin + cout // stride // stride))


def differentiated(function, inputs, direction):
    """The forward pass, or the gradients alone, of a result that is computed once."""
    if direction == "FORWARD":
        def work():
            with torch.no_grad():
                return function(*inputs)
        return work
    leaves = [i.detach().requires_grad_() for i in inputs]
    y = function(*leaves)
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)


def group_norm_silu(case, device, compiled):
    n, c, side = case["batch"], case["channels"], case["side"]

    def function(x, weight, bias):
        return F.silu(F.group_norm(x, 32, weight, bias, 1e-6))

    if compiled:
        function = torch.compile(function, mode="max-autotune-no-cudagraphs")

    def make():
        x = image(device, n, c, side, side)
        weight, bias = (torch.randn(c, device=device, dtype=torch.bfloat16) for _ in range(2))
        return differentiated(function, [x, weight, bias], case["direction"])

    return turns(make, 2 * n * side * side * c)


def attention(case, device, compiled):
    n, tokens, c = case["batch"], case["tokens"], case["channels"]

    def function(q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    if compiled:
        function = torch.compile(function, mode="max-autotune-no-cudagraphs")

    def make():
        inputs = [torch.randn(n, 1, tokens, c, device=device, dtype=torch.bfloat16) for _ in range(3)]
        return differentiated(function, inputs, case["direction"])

    return turns(make, 6 * n * tokens * c)


def matmul(case, device, compiled):
    """What the tensor cores give at best: the ceiling that shares are taken of."""
    a, b = (torch.randn(case["size"], case["size"], device=device, dtype=torch.bfloat16) for _ in range(2))
    return lambda: a @ b


def copy(case, device, compiled):
    """What memory gives at best, read and written."""
    a = torch.randn(case["bytes"] // 4, device=device)
    b = torch.empty_like(a)
    return lambda: b.copy_(a)
