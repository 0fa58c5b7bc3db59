#!/usr/bin/env bash
# JPEG files whose colour is halved in height only (4:4:0): ImageIO and libjpeg-turbo give different pixels.
#
# Versions: javax.imageio of Temurin 25.0 (its own libjpeg 6b; Debian's packages of OpenJDK use the system's
# libjpeg-turbo and do not differ); Pillow 12.3.0 and opencv-python-headless 5.0.0.93 (libjpeg-turbo).
# Behaviour: libjpeg 6b interpolates colour between its samples for 4:2:2 and 4:2:0, but repeats it for 4:4:0, which
# libjpeg-turbo interpolates, too. For 4:4:4, 4:2:2 and 4:2:0 the two agree to the bit. Upright photographs of some
# cameras are 4:4:0, and so are 4:2:2 files after `jpegtran -rotate 90`.
# Seen: 444, 422 and 420: 0 levels; 440: 42 levels.
# Needs: JAVA=a Temurin's bin/java, python3 with venv. Exits with 1 if the behaviour changed.
set -eu
D=$(mktemp -d); trap 'rm -rf "$D"' EXIT; cd "$D"
python3 -m venv v; v/bin/pip -q install Pillow==12.3.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
v/bin/python - <<'P'
import cv2, numpy as np
y, x = np.mgrid[0:48, 0:64]
picture = np.stack([x * 4, (x * y) // 9 % 256, 255 - y * 5], -1).astype('u1')
for name, factor in (('444', 0x111111), ('422', 0x211111), ('420', 0x221111), ('440', 0x121111)):
    cv2.imwrite(name + '.jpg', picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, cv2.IMWRITE_JPEG_QUALITY, 90])
P
cat > Read.java <<'J'
import java.io.File;
import javax.imageio.ImageIO;

public class Read {
  public static void main(String[] names) throws Exception {
    for (String name : names) {
      var image = ImageIO.read(new File(name + ".jpg"));
      var out = new byte[image.getWidth() * image.getHeight() * 3];
      for (int i = 0; i < out.length; i++) {
        out[i] = (byte) image.getRaster().getSample(i / 3 % image.getWidth(), i / 3 / image.getWidth(), i % 3);
      }
      java.nio.file.Files.write(new File(name + ".raw").toPath(), out);
    }
  }
}
J
"${JAVA:-java}" Read.java 444 422 420 440
v/bin/python - <<'P'
import numpy as np, sys
from PIL import Image
most = {}
for name in ('444', '422', '420', '440'):
    pillow = np.array(Image.open(name + '.jpg')).astype(int)
    most[name] = int(np.abs(pillow - np.fromfile(name + '.raw', 'u1').reshape(pillow.shape)).max())
    print(f'{name}: ImageIO and Pillow differ by up to {most[name]} levels')
sys.exit(not (most['444'] == most['422'] == most['420'] == 0 and most['440'] > 10))
P
