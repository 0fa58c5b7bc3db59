"""Single operations as PyTorch does them. Each returns a function that runs the operation once.

Inputs are drawn from a normal distribution (zeros would draw less power and run faster) and lie in several sets that
take turns where one would fit into the cache.
"""
import contextlib
import itertools

import torch
import torch.nn.functional as F

BEYOND_CACHE = 256 << 20


def numbers(case):
    """Of activations: bf16, or fp32 that cuDNN and cuBLAS may multiply in TF32 (peer.py allows it)."""
    return torch.float32 if case.get("dtype") == "tf32" else torch.bfloat16


def image(device, dtype, n, c, h, w):
    x = torch.randn(n, c, h, w, device=device, dtype=dtype)
    return x.contiguous(memory_format=torch.channels_last)


def turns(make, size):
    """Calls the functions that `make` returns in turn; `size` is what one set of inputs takes."""
    count = min(8, max(1, -(-BEYOND_CACHE // max(1, size))))
    sets = [make() for _ in range(count)]
    works = itertools.cycle(sets)

    def work():
        return next(works)()
    work.error = getattr(sets[0], "error", None)
    return work


def tuned(function, compiled, mode="max-autotune-no-cudagraphs"):
    """Compiled for the shapes it is called with: no two cases share a graph of any shape."""
    return torch.compile(function, mode=mode, dynamic=False) if compiled else function


def listed(results):
    return [results] if torch.is_tensor(results) else [r for r in results if r is not None]


def with_error(work, exact):
    """Lets a caller ask how far work's results are from those of `exact`, relative to their size."""
    def error():
        pairs = zip(listed(work()), listed(exact()))
        errors = [((a.double() - b.double()).norm() / b.double().norm()).item() for a, b in pairs]
        return max(errors) if all(e == e for e in errors) else float("nan")
    work.error = error
    return work


@contextlib.contextmanager
def full_precision():
    kept = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = kept


def size_of(*tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def conv2d(case, device, compiled):
    dtype = numbers(case)
    n, cin, cout, side, k, stride = (case[i] for i in ("batch", "in", "out", "side", "kernel", "stride"))
    top, bottom, left, right = case["pad"]
    symmetric = top == bottom == left == right
    padding = top if symmetric else 0
    w = image(device, dtype, cout, cin, k, k)
    b = torch.randn(cout, device=device, dtype=dtype)

    def padded(x):
        return x if symmetric else F.pad(x, (left, right, top, bottom))

    def forward(x, w, b):
        return F.conv2d(padded(x), w, b, stride, padding)

    def gradients(mask):
        def run(dy, x, w):
            return torch.ops.aten.convolution_backward(
                dy, padded(x), w, [cout], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)
        return run

    plain = {"FORWARD": forward, "INPUT_GRADIENT": gradients([True, False, False]),
             "WEIGHT_GRADIENT": gradients([False, True, True])}[case["direction"]]
    function = tuned(plain, compiled)

    def make():
        x = image(device, dtype, n, cin, side, side)
        with torch.no_grad():
            dy = torch.randn_like(forward(x, w, b))
        arguments = (x, w, b) if case["direction"] == "FORWARD" else (dy, x, w)

        def work():
            with torch.no_grad():
                return function(*arguments)

        def exact():
            with torch.no_grad(), full_precision():
                return plain(*(t.float() for t in arguments))
        return with_error(work, exact)

    return turns(make, dtype.itemsize * n * side * side * (cin + cout // stride // stride))


def differentiated(function, inputs, direction, wanted=None):
    """The forward pass, or the gradients alone (of all inputs, or of those named) of a result computed once."""
    if direction == "FORWARD":
        def work():
            with torch.no_grad():
                return function(*inputs)

        def exact():
            with torch.no_grad(), full_precision():
                return function(*(i.float() for i in inputs))
        return with_error(work, exact)

    def gradients(inputs, dy):
        leaves = [i.detach().requires_grad_(wanted is None or k in wanted) for k, i in enumerate(inputs)]
        y = function(*leaves)
        dy = torch.randn_like(y) if dy is None else dy
        asked = [i for i in leaves if i.requires_grad]
        return dy, lambda: torch.autograd.grad(y, asked, dy, retain_graph=True)

    dy, work = gradients(inputs, None)

    def exact():
        with full_precision():
            return gradients([i.float() for i in inputs], dy.float())[1]()
    return with_error(work, exact)


def upsample_conv2d(case, device, compiled):
    dtype = numbers(case)
    n, cin, cout, side = (case[i] for i in ("batch", "in", "out", "side"))
    w = image(device, dtype, cout, cin, 3, 3)
    b = torch.randn(cout, device=device, dtype=dtype)

    def function(x, w, b):
        return F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), w, b, padding=1)

    function = tuned(function, compiled)
    wanted = {"FORWARD": None, "INPUT_GRADIENT": (0,), "WEIGHT_GRADIENT": (1, 2)}[case["direction"]]

    def make():
        return differentiated(function, [image(device, dtype, n, cin, side, side), w, b], case["direction"], wanted)

    return turns(make, dtype.itemsize * n * side * side * (cin + 4 * cout))


def of_images(case, device, compiled, function, images, parameters=0, wanted=None, of_parameters=None, draw=torch.randn):
    """A function of so many images and so many vectors of their channels, which are of the images' type if not said."""
    dtype = numbers(case)
    n, c, side = case["batch"], case["channels"], case["side"]
    function = tuned(function, compiled)

    def make():
        inputs = [image(device, dtype, n, c, side, side) for _ in range(images)]
        inputs += [draw(c, device=device, dtype=of_parameters or dtype) for _ in range(parameters)]
        return differentiated(function, inputs, case["direction"], wanted)

    return turns(make, dtype.itemsize * images * n * side * side * c)


def group_norm_silu(case, device, compiled):
    def function(x, weight, bias):
        return F.silu(F.group_norm(x, 32, weight, bias, 1e-6))
    return of_images(case, device, compiled, function, 1, 2)


def batch_norm(case, device, compiled):
    mean, variance = torch.zeros(case["channels"], device=device), torch.ones(case["channels"], device=device)

    def function(x, weight, bias):
        return F.batch_norm(x, mean, variance, weight, bias, training=True)
    return of_images(case, device, compiled, function, 1, 2, of_parameters=torch.float32)


def lpips_head(case, device, compiled):
    """One level of LPIPS, with the gradient of the second image's features."""
    def unit(f):
        return f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10)

    def function(f0, f1, w):
        return ((unit(f0) - unit(f1)).square() * w[:, None, None]).sum(1).mean((1, 2))
    return of_images(case, device, compiled, function, 2, 1, (1,), draw=torch.rand)  # its weights are positive


def max_pool(case, device, compiled):
    return of_images(case, device, compiled, lambda x: F.max_pool2d(x, 2), 1)


def leaky_relu(case, device, compiled):
    return of_images(case, device, compiled, lambda x: F.leaky_relu(x, 0.2), 1)


def add(case, device, compiled):
    return of_images(case, device, compiled, lambda a, b: a + b, 2)


def attention(case, device, compiled):
    dtype = numbers(case)
    n, tokens, c = case["batch"], case["tokens"], case["channels"]

    def function(q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    function = tuned(function, compiled)

    def make():
        inputs = [torch.randn(n, 1, tokens, c, device=device, dtype=dtype) for _ in range(3)]
        return differentiated(function, inputs, case["direction"])

    return turns(make, 3 * dtype.itemsize * n * tokens * c)


def of_tokens(case, device, compiled, function, times, *parameters):
    """A function of so many tensors of tokens side by side, and of parameters of these shapes."""
    dtype = numbers(case)
    n, tokens, c = case["batch"], case["tokens"], case["channels"]
    function = tuned(function, compiled)

    def make():
        inputs = [torch.randn(n, tokens, times * c, device=device, dtype=dtype)]
        inputs += [torch.randn(*shape, device=device, dtype=dtype) for shape in parameters]
        return differentiated(function, inputs, case["direction"])

    return turns(make, times * dtype.itemsize * n * tokens * c)


def layer_norm(case, device, compiled):
    """With the shift and scale of adaLN."""
    c = case["channels"]

    def function(x, weight, bias, modulation):
        shift, scale = modulation.chunk(2, 1)
        return F.layer_norm(x, (c,), weight, bias, 1e-6) * (1 + scale) + shift
    return of_tokens(case, device, compiled, function, 1, (c,), (c,), (case["batch"], 2, c))


def self_attention(case, device, compiled):
    n, tokens, c, heads = case["batch"], case["tokens"], case["channels"], case["heads"]

    def function(qkv):
        q, k, v = qkv.view(n, tokens, 3, heads, c // heads).permute(2, 0, 3, 1, 4).unbind()
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, c)
    return of_tokens(case, device, compiled, function, 3)


def linear_gelu(case, device, compiled):
    c = case["channels"]

    def function(x, w, b):
        return F.gelu(F.linear(x, w, b), approximate="tanh")
    return of_tokens(case, device, compiled, function, 1, (4 * c, c), (4 * c,))


def matmul(case, device, compiled):
    """What the tensor cores give at best: the ceiling that shares are taken of."""
    dtype = numbers(case)
    a, b = (torch.randn(case["size"], case["size"], device=device, dtype=dtype) for _ in range(2))
    return lambda: a @ b


def copy(case, device, compiled):
    """What memory gives at best, read and written."""
    a = torch.randn(case["bytes"] // 4, device=device)
    b = torch.empty_like(a)
    return lambda: b.copy_(a)


def cached_read(case, device, compiled):
    """What the second-level cache gives: a sum over what fits into it, again and again."""
    a = torch.randn(case["bytes"] // 4, device=device)
    return lambda: a.sum()
