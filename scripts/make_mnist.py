"""Makes ``circuits/patterns/data/mnist.npz``, the bundled set of digits of 28x28 pixels.

The pictures are the first 1,000 test images of MNIST (Y. LeCun, C. Cortes and C. J. C. Burges,
1998, http://yann.lecun.com/exdb/mnist, CC BY-SA 3.0).  A pixel of 128 or more of 255 is ink.  The
file keeps one bit a pixel.

Needs the files of the test set, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz::

    python scripts/make_mnist.py FOLDER
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np

THRESHOLD, COUNT = 128, 1000
TARGET = Path(__file__).parents[1] / "circuits" / "patterns" / "data" / "mnist.npz"
# How many pictures of 0, 1, ..., 9 the MNIST test set holds.
COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


def main(folder: str) -> None:
    """Reads the test set, thresholds its first pictures and writes the packed bits."""
    images = gzip.decompress((Path(folder) / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((Path(folder) / "t10k-labels-idx1-ubyte.gz").read_bytes())
    grey = np.frombuffer(images[16:], dtype=np.uint8).reshape(-1, 28 * 28)
    number = np.frombuffer(labels[8:], dtype=np.uint8)
    counts = tuple(np.bincount(number, minlength=10).tolist())
    if counts != COUNTS:
        raise SystemExit(f"Not the MNIST test set: counts {counts}.")
    ink = np.packbits(grey[:COUNT] >= THRESHOLD, axis=1)
    np.savez_compressed(TARGET, pixels=ink, labels=number[:COUNT])
    print(f"{TARGET}: {COUNT} pictures, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python scripts/make_mnist.py FOLDER")
    main(sys.argv[1])
