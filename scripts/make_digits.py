"""Makes ``circuits/patterns/data/digits.npz``, the bundled set of handwritten digits.

The pictures are the 1,797 test images of the UCI "Optical Recognition of Handwritten Digits"
(E. Alpaydin and C. Kaynak, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0), as scikit-learn ships
them: 8x8 pixels with values 0..16.  A pixel of 8 or more is ink.  The file keeps one bit a pixel.

Needs scikit-learn, which is no dependency of qhopfield; use a throw-away environment::

    python -m venv /tmp/digits && /tmp/digits/bin/pip install scikit-learn
    /tmp/digits/bin/python scripts/make_digits.py
"""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path

import numpy as np

THRESHOLD = 8
TARGET = Path(__file__).parents[1] / "circuits" / "patterns" / "data" / "digits.npz"
# How many pictures of 0, 1, ..., 9 the UCI test set holds.
COUNTS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)


def main() -> None:
    """Reads scikit-learn's copy, thresholds it and writes the packed bits."""
    packed = resources.files("sklearn.datasets.data").joinpath("digits.csv.gz").read_bytes()
    table = np.loadtxt(gzip.decompress(packed).decode("ascii").splitlines(), delimiter=",")
    grey, labels = table[:, :64], table[:, 64].astype(np.uint8)
    counts = tuple(np.bincount(labels, minlength=10).tolist())
    if counts != COUNTS or grey.min() != 0 or grey.max() != 16:
        raise SystemExit(
            f"Not the UCI test set: counts {counts}, values {grey.min():g} to {grey.max():g}."
        )
    np.savez_compressed(TARGET, pixels=np.packbits(grey >= THRESHOLD, axis=1), labels=labels)
    print(f"{TARGET}: {len(labels)} pictures, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
