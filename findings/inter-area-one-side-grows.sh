#!/usr/bin/env bash
# OpenCV's INTER_AREA does not average if one side grows, even if the other side shrinks a lot.
#
# Versions: opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Behaviour: INTER_AREA reduces the height of a striped picture (two black rows, two white rows, and so on) to a quarter. If
# the width stays the same, the result is the mean of the stripes. If the width also grows by one pixel, every pixel is
# interpolated between two neighbours, and half of the rows are never read: the white stripes are gone. There is no warning.
# Loaders that resize pictures of any shape to a square do this to every picture that is narrower and taller than the square.
# Expected: averaging along the side that shrinks, as Pillow's BOX does; the documentation recommends INTER_AREA for
# shrinking against moire, and speaks of enlarging only for pictures that are enlarged.
# Seen: same width: 128 to 128; one pixel wider: 0 to 0; Pillow BOX, one pixel wider: 128 to 128.
# Needs: python3 with venv. Exits with 1 if the behaviour changed.
set -eu
D=$(mktemp -d); trap 'rm -rf "$D"' EXIT; cd "$D"
python3 -m venv v; v/bin/pip -q install Pillow==12.3.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
v/bin/python - <<'P'
import cv2, numpy as np, sys
from PIL import Image
stripes = np.repeat(np.arange(400)[:, None] % 4 >= 2, 400, 1).astype('u1') * 255  # rows 0, 0, 255, 255
def area(width):
    out = cv2.resize(stripes, (width, 100), interpolation=cv2.INTER_AREA)
    return int(out.min()), int(out.max())
same, wider = area(400), area(401)
box = np.array(Image.fromarray(stripes).resize((401, 100), Image.BOX))
print('same width: %d to %d' % same)
print('one pixel wider: %d to %d' % wider)
print('Pillow BOX, one pixel wider: %d to %d' % (box.min(), box.max()))
is_mean = all(abs(v - 127.5) < 1 for v in (*same, int(box.min()), int(box.max())))
sys.exit(not (is_mean and wider[1] < 64))
P
