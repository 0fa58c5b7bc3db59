#!/usr/bin/env bash
# Pillow's convert("RGB") turns 16-bit gray PNG files nearly white, but not 16-bit RGB ones.
#
# Versions: Pillow 12.3.0, numpy 2.4.6, opencv-python-headless 5.0.0.93 (which writes the files).
# Behaviour: torchvision's ImageFolder and most training code load pictures by Image.open(f).convert("RGB"). For a 16-bit gray
# ramp from black to white, it clips samples at 255 of 65535, so all but the darkest 0.4 % are white. If the same ramp is
# saved as 16-bit RGB, only the lower bytes are dropped, which is right. There is no warning. Data sets of X-ray, depth,
# microscope and astronomy pictures are 16-bit gray; a model that is trained on them sees white squares.
# Expected: the same picture from both files.
# Seen: gray: 257 of 258 levels are white; rgb: 2 of 258 levels are white.
# Needs: python3 with venv. Exits with 1 if the behaviour changed.
set -eu
D=$(mktemp -d); trap 'rm -rf "$D"' EXIT; cd "$D"
python3 -m venv v; v/bin/pip -q install Pillow==12.3.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
v/bin/python - <<'P'
import cv2, numpy as np, sys
from PIL import Image
ramp = np.arange(0, 65536, 255, dtype=np.uint16)[None]  # 0, 255, ..., 65535
cv2.imwrite('gray.png', ramp)
cv2.imwrite('rgb.png', np.repeat(ramp[..., None], 3, -1))
white = {}
for name in ('gray', 'rgb'):
    out = np.array(Image.open(name + '.png').convert('RGB'))
    white[name] = int((out == 255).all(-1).sum())
    print(f'{name}: {white[name]} of {ramp.size} levels are white')
sys.exit(not (white['gray'] > 250 and white['rgb'] < 4))
P
