"""Patterns from files and into files: ``.npy``, ``.csv`` and pictures.

Nothing is ever unpickled. A file must be what its name says; what is not is refused.
"""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_path, check_real
from ..common.files import whole_file
from .checks import check_patterns
from .sets import PatternSet

PICTURES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".pbm": "PPM",
    ".pgm": "PPM",
}
"""Endings of pictures, and what Pillow calls the format."""


def load_patterns(path: str | os.PathLike[str], *, threshold: float = 0.5) -> PatternSet:
    """Reads patterns from a file, or from a folder of pictures.

    - ``.npy`` and ``.csv`` (comma separated, no header) hold one pattern a row, either of +1 and -1
      or of 1 and 0. In the second case 1 becomes +1 and **0 becomes -1**, as in a picture; measured
      bits, where 0 is +1, go through :func:`~qhopfield.circuits.patterns.to_spins` instead.
    - A picture is one pattern, its pixels row by row. It is turned to grey, transparency becomes
      white paper, and **dark pixels become +1 (ink)**, light ones -1.
    - A folder of pictures of one size gives one pattern a picture, sorted by file name as text
      (``10.png`` comes before ``2.png``). Files that start with a dot are passed over.

    Labels are the row numbers, or the names of the pictures without their endings. The licence is
    ``"unknown"``.

    Args:
        path: the file or folder.
        threshold: how dark ink is at least, above 0 (white) to 1 (black). For pictures only.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: ``threshold`` is no number.
        ValueError: the ending is unknown, the file is not what it claims to be, its numbers are
            neither +-1 nor 0/1, the pictures differ in size, or ``threshold`` is out of range.
    """
    threshold = check_real(threshold, "threshold", minimum=0, maximum=1, exclusive=True)
    source = Path(check_path(path, "path"))
    if source.is_dir():
        return _read_folder(source, threshold)
    if not source.exists():
        raise FileNotFoundError(f"There is no file {source}.")
    ending = source.suffix.lower()
    if ending in PICTURES:
        return _from_pictures(source, [source], threshold)
    if ending == ".npy":
        patterns = _from_numbers(_read_npy(source), source)
    elif ending == ".csv":
        patterns = _from_numbers(_read_csv(source), source)
    else:
        raise ValueError(
            f"{source.name} must end in .npy, .csv or {', '.join(PICTURES)}; got {ending!r} (path)."
        )
    labels = tuple(map(str, range(len(patterns))))
    return PatternSet(source.stem, patterns, labels, None, source.name, "unknown")


def save_patterns(path: str | os.PathLike[str], patterns: Any) -> None:
    """Writes patterns as numbers +1 and -1, one pattern a row; the file is whole or not there.

    Args:
        path: a name that ends in ``.npy`` or ``.csv``; a file of that name is replaced.
        patterns: +-1 patterns, an array or a :class:`PatternSet` (of which the patterns are kept,
            not the labels).

    Shapes:
        patterns: ``(M, N)`` or ``(N,)``.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
        TypeError: the patterns are not real numbers.
        ValueError: the ending is another, or the patterns are not +-1.
    """
    target = Path(check_path(path, "path"))
    ending = target.suffix.lower()
    if ending not in (".npy", ".csv"):
        raise ValueError(f"{target.name} must end in .npy or .csv, got {ending!r} (path).")
    rows = check_patterns(patterns, distinct=False)
    with whole_file(target) as file:
        if ending == ".npy":
            np.save(file, rows, allow_pickle=False)
        else:
            text = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
            file.write(text.encode("ascii"))


def _from_numbers(values: Any, source: Path) -> NDArray[np.int8]:
    """Turns +-1 or 0/1 into checked patterns."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{source.name} must hold real numbers, got dtype {array.dtype}.")
    if np.isin(array, (0, 1)).all():
        array = np.where(array == 1, 1, -1)
    elif (array == 0).any() and np.isin(array, (-1, 0, 1)).all():
        raise ValueError(f"{source.name} mixes 0 and -1; patterns are all of +-1 or all of 0/1.")
    return check_patterns(array, name=source.name, distinct=False)


def _read_npy(source: Path) -> NDArray[Any]:
    """Reads a ``.npy`` file, and nothing but one."""
    with source.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError(f"{source.name} is no .npy file: it does not start like one.")
    try:
        # Mapped, so that a header that promises more than the file holds allocates nothing.
        mapped = np.load(source, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # what NumPy raises for damaged headers has no common class
        raise ValueError(f"{source.name} is no .npy file of plain numbers: {error}") from error
    return np.array(mapped)


def _read_csv(source: Path) -> list[list[float]]:
    """Reads rows of numbers between commas."""
    rows: list[list[float]] = []
    lines: list[int] = []
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                rows.append([_number(field, source, reader.line_num) for field in fields])
                lines.append(reader.line_num)
                if len(rows[-1]) != len(rows[0]):
                    raise ValueError(
                        f"{source.name} has {len(rows[0])} numbers on line {lines[0]} and "
                        f"{len(rows[-1])} on line {lines[-1]}; patterns have one length."
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source.name} is no .csv file: {error}.") from error
    if not rows:
        raise ValueError(f"{source.name} holds no numbers.")
    return rows


def _number(field: str, source: Path, line: int) -> float:
    """Reads one field of a ``.csv`` file."""
    try:
        return float(field)
    except ValueError:
        raise ValueError(
            f"{source.name} must hold numbers between commas, got {field[:40]!r} on line {line}."
        ) from None


def _read_folder(folder: Path, threshold: float) -> PatternSet:
    """Reads all pictures of a folder."""
    files = sorted(
        (file for file in folder.iterdir() if not file.name.startswith(".")),
        key=lambda file: file.name,
    )
    for file in files:
        if file.is_dir() or file.suffix.lower() not in PICTURES:
            raise ValueError(
                f"The folder {folder.name} must hold pictures only ({', '.join(PICTURES)}), "
                f"got {file.name}."
            )
    if not files:
        raise ValueError(f"The folder {folder.name} holds no pictures.")
    return _from_pictures(folder, files, threshold)


def _from_pictures(source: Path, files: list[Path], threshold: float) -> PatternSet:
    """Makes a set of pictures of one size."""
    darkness = [_read_picture(file) for file in files]
    for file, picture in zip(files, darkness, strict=True):
        if picture.shape != darkness[0].shape:
            sizes = [f"{p.shape[1]}x{p.shape[0]} pixels" for p in (darkness[0], picture)]
            raise ValueError(
                f"Pictures must have one size: {files[0].name} has {sizes[0]} and {file.name} "
                f"has {sizes[1]}."
            )
    ink = np.stack(darkness) >= threshold
    return PatternSet(
        name=source.stem,
        patterns=np.where(ink, 1, -1).astype(np.int8).reshape(len(files), -1),
        labels=tuple(file.stem for file in files),
        shape=darkness[0].shape,
        source=source.name,
        license="unknown",
    )


def _read_picture(source: Path) -> NDArray[Any]:
    """Returns how dark each pixel of a picture is, 0 (white) to 1 (black)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    kind = PICTURES[source.suffix.lower()]
    with source.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Only the decoder that the ending names may look at the bytes.
            with Image.open(file, formats=(kind,)) as picture:
                frames = getattr(picture, "n_frames", 1)
                picture.load()
                image = ImageOps.exif_transpose(picture)
        except UnidentifiedImageError:
            raise ValueError(f"{source.name} is no {kind} picture.") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f"{source.name} is too large for patterns: {error}") from error
        except Exception as error:  # what Pillow raises for damaged bytes has no common class
            raise ValueError(f"{source.name} is a damaged {kind} picture: {error}") from error
    if frames > 1:
        raise ValueError(f"{source.name} must hold one picture, got {frames} frames.")
    if image.mode == "F":
        raise ValueError(f"{source.name} must have whole numbers as pixels, got floats.")
    if image.mode.startswith("I"):
        # 16 bits a pixel, which convert("L") would cut off at 255.
        grey = np.asarray(image, dtype=np.float64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError(f"{source.name} must have 16 bits a pixel at most.")
        return 1 - grey / 65535
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return 1 - np.asarray(image.convert("L"), dtype=np.float64) / 255
