#!/usr/bin/env bash
# Pillow saves YCbCr pictures as uncompressed TIFF files that it cannot open again.
#
# Versions: Pillow 12.3.0, numpy 2.4.6, opencv-python-headless 5.0.0.93, tifffile 2026.3.3 (the last two as other readers).
# Behaviour: Image.convert('YCbCr').save('x.tif'), Pillow's default without compression, ends without an error. Image.open('x.tif')
# gives the mode RGB, and load() raises "image file is truncated (0 bytes not processed)". The file is complete: OpenCV and
# tifffile read it, and tifffile gives exactly the samples that were saved. With compression='tiff_lzw' Pillow also reads it. To
# loaders that use Pillow, a data set of such files looks damaged: they skip the pictures or stop.
# Expected: the picture that was saved.
# Seen: pillow: image file is truncated (0 bytes not processed); tifffile: equal samples; opencv: at most 1 level off.
# Needs: python3 with venv. Exits with 1 if the behaviour changed.
set -eu
D=$(mktemp -d); trap 'rm -rf "$D"' EXIT; cd "$D"
python3 -m venv v; v/bin/pip -q install Pillow==12.3.0 numpy==2.4.6 opencv-python-headless==5.0.0.93 tifffile==2026.3.3
v/bin/python - <<'P'
import cv2, numpy as np, sys, tifffile
from PIL import Image
y, x = np.mgrid[0:48, 0:64]
rgb = np.stack([2 * x + y, 255 - 3 * x, 4 * y + 20], -1).clip(0, 255).astype(np.uint8)
saved = Image.fromarray(rgb).convert('YCbCr')
saved.save('x.tif')
try:
    Image.open('x.tif').load()
    said = 'no error'
except OSError as e:
    said = str(e)
print('pillow:', said)
equal = np.array_equal(tifffile.imread('x.tif'), np.asarray(saved))
print('tifffile:', 'equal samples' if equal else 'other samples')
off = int(np.abs(cv2.imread('x.tif')[..., ::-1].astype(int) - np.asarray(saved.convert('RGB'))).max())
print('opencv: at most', off, 'levels off')
sys.exit(not ('truncated' in said and equal and off <= 1))
P
