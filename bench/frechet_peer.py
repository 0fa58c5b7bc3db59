"""SciPy's side of bench/frechet: makes features, and times the distance by a general matrix square root."""
import json
import sys
import time

import numpy as np
import scipy.linalg


def make(folder, n, d):
    """Features as after a ReLU: not negative, correlated, of very different sizes."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((d, d)) * np.exp(-np.arange(d) / (d / 8)) / np.sqrt(d)
    for name, scale in (("a", 1.0), ("b", 1.1)):
        x = np.maximum(rng.standard_normal((n, d)) @ mix * scale + 0.1, 0)
        np.save(f"{folder}/{name}.npy", x.astype(np.float32))


def measure(folder):
    """Both phases, wall and processor time."""
    a, b = (np.load(f"{folder}/{name}.npy").astype(np.float64) for name in "ab")
    wall, cpu = time.time(), time.process_time()
    stats = [(x.mean(0), np.cov(x, rowvar=False)) for x in (a, b)]
    middle, middle_cpu = time.time(), time.process_time()
    (m1, s1), (m2, s2) = stats
    root = scipy.linalg.sqrtm(s1 @ s2)
    value = ((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real
    print(
        json.dumps(
            {
                "program": f"scipy {scipy.__version__}",
                "statistics_seconds": round(middle - wall, 2),
                "statistics_cpu_seconds": round(middle_cpu - cpu, 2),
                "distance_seconds": round(time.time() - middle, 2),
                "distance_cpu_seconds": round(time.process_time() - middle_cpu, 2),
                "distance": float(value),
            }
        )
    )


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    measure(sys.argv[2])
