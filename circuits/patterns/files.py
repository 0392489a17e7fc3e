"""Patterns from files and into files: ``.npy``, ``.csv`` and pictures.

Nothing is ever unpickled. A file must be what its name says; what is not is refused.
"""

from __future__ import annotations

import csv
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_path, check_real
from ..common.files import whole_file
from ..common.told import warn_caller
from .checks import check_patterns
from .conversion import AmbiguousDataWarning, resized, tell_lost_contrast, wanted_size
from .sets import PatternSet

if TYPE_CHECKING:
    from PIL.Image import Image

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


LEFT_THERE = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx")
"""What systems leave in folders of pictures, in small letters."""

MAX_PIXELS = 2048 * 2048
"""Most pixels of a picture; each becomes a neuron."""


def load_patterns(
    path: str | os.PathLike[str], *, threshold: float = 0.5, size: tuple[int, int] | None = None
) -> PatternSet:
    """Reads patterns from a file, or from a folder of pictures.

    - ``.npy`` and ``.csv`` (comma separated) hold one pattern in each row, either of +1 and -1 or
      of 1 and 0. In the second case 1 becomes +1 and **0 becomes -1**, as in
      :func:`~qhopfield.circuits.patterns.from_binary`; measured bits, where 0 is +1, go through
      :func:`~qhopfield.circuits.patterns.to_spins` instead.
    - A ``.csv`` may have a line of headings and a first column that names its rows, as pandas
      writes them: words, or the numbers 0, 1, 2, ... . The names become labels. Where the
      numbers of two rows or columns could be a pattern too, they are one.
    - A picture is one pattern, its pixels row by row. It is turned to grey, transparency becomes
      white paper, and **dark pixels become +1 (ink)**, light ones -1. Where the
      colours are all one and the transparency is not (a white letter on nothing), what is opaque
      is ink. A picture whose contrast is lost is told of by an ``AmbiguousDataWarning``.
    - A folder of pictures of one size gives one pattern a picture, sorted by file name as text
      (``10.png`` comes before ``2.png``). Hidden files, and those that systems
      leave in folders (``Thumbs.db``, ``desktop.ini``), are passed over.

    Labels are the names or numbers of the rows, or the names of the pictures without their endings.
    The licence is ``"unknown"``.

    Args:
        path: the file or folder.
        threshold: how dark ink is at least, above 0 (white) to 1 (black). For pictures only.
        size: rows and columns to which pictures are brought, each new pixel the mean of what it
            covers; None leaves them as they are, and they must have one size.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: ``threshold`` is no number.
        ValueError: the ending is unknown, the file is not what it claims to be, its numbers are
            neither +-1 nor 0/1, the pictures differ in size or have more than 4,194,304 pixels,
            or ``threshold`` or ``size`` is out of range.
    """
    threshold = check_real(threshold, "threshold", minimum=0, maximum=1, exclusive=True)
    reading = _Reading(threshold, None if size is None else wanted_size(size))
    source = Path(check_path(path, "path"))
    if source.is_dir():
        return _read_folder(source, reading)
    if not source.exists():
        raise FileNotFoundError(f"There is no file {source}.")
    ending = source.suffix.lower()
    if ending in PICTURES:
        return _from_pictures(source, [source], reading)
    if ending not in (".npy", ".csv"):
        raise ValueError(
            f"{source.name} must end in .npy, .csv or {', '.join(PICTURES)}; got {ending!r} (path)."
        )
    rows = _read_rows(source)
    patterns = _from_numbers(rows.numbers, source)
    labels = rows.labels or tuple(map(str, range(len(patterns))))
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


@dataclass(frozen=True)
class _Reading:
    """How pictures become patterns."""

    threshold: float
    size: tuple[int, int] | None


def _from_numbers(values: Any, source: Path) -> NDArray[np.int8]:
    """Turns +-1 or 0/1 into checked patterns."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{source.name} must hold real numbers, got dtype {array.dtype}.")
    if np.isin(array, (0, 1)).all():
        array = np.where(array == 1, 1, -1)
    elif (array == 0).any() and np.isin(array, (-1, 0, 1)).all():
        raise ValueError(
            f"{source.name} mixes 0 and -1; patterns are all of +-1 or all of 0/1. (Row numbers in "
            "its first column? Name that column, or write the file without them.)"
        )
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


@dataclass(frozen=True)
class _Rows:
    """Numbers of a file, and names of the rows where it has some."""

    numbers: Any
    labels: tuple[str, ...] | None = None


def read_numbers(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Reads the numbers of a ``.npy`` or ``.csv`` file as they are, without headings and row names.

    Raises:
        ValueError: the file is not what it claims to be.
    """
    source = Path(path)
    return np.asarray(_read_rows(source).numbers)


def _read_rows(source: Path) -> _Rows:
    return _Rows(_read_npy(source)) if source.suffix.lower() == ".npy" else _read_csv(source)


def _read_csv(source: Path) -> _Rows:
    """Reads rows of numbers between commas, with or without headings and names of rows."""
    table: list[list[str]] = []
    lines: list[int] = []
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                if any(field.strip() for field in fields):
                    table.append(fields)
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source.name} is no .csv file: {error}.") from error
    if not table:
        raise ValueError(f"{source.name} holds no numbers.")
    for fields, line in zip(table, lines, strict=True):
        if len(fields) != len(table[0]):
            raise ValueError(
                f"{source.name} has {len(table[0])} numbers on line {lines[0]} and {len(fields)} "
                f"on line {line}; patterns have one length."
            )
    named = _names_columns(table)
    # The corner over the names of rows is empty, or a word beside numbers.
    corner = named and not _is_number(table[0][0])
    corner = corner and (not table[0][0].strip() or _is_number(table[0][-1]))
    if named:
        del table[0], lines[0]
    labels = None
    if corner or _names_rows(table):
        labels = tuple(fields[0].strip() for fields in table)
        table = [fields[1:] for fields in table]
    return _Rows(
        [
            [_number(field, source, line) for field in fields]
            for fields, line in zip(table, lines, strict=True)
        ],
        labels,
    )


def _names_columns(table: list[list[str]]) -> bool:
    """Whether the first line are headings: words, or the numbers 0, 1, 2, ... that pandas writes.

    0 and 1 alone may be a pattern, so there must be a 2, or no number in the corner.
    """
    if len(table) < 2:
        return False
    corner, *others = (field.strip() for field in table[0])
    counted = [str(number) for number in range(len(others) + 1)]
    if [corner, *others] == counted:
        return len(counted) > 2
    if _is_number(corner):
        return False
    # A single word among numbers is a typing error.
    return others == counted[:-1] != [] or not any(map(_is_number, others))


def _names_rows(table: list[list[str]]) -> bool:
    """Whether the first column are names: words, or the numbers 0, 1, 2, ... that pandas writes."""
    if len(table[0]) < 2:
        return False
    first = [fields[0].strip() for fields in table]
    if all(name and not _is_number(name) for name in first):
        return all(_is_number(field) for field in table[0][1:])
    return len(first) > 2 and first == [str(number) for number in range(len(first))]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _number(field: str, source: Path, line: int) -> float:
    """Reads one field of a ``.csv`` file."""
    try:
        return float(field)
    except ValueError:
        hint = " (are semicolons or tabs between them?)" if set(field) & set(";\t") else ""
        raise ValueError(
            f"{source.name} must hold numbers between commas, got {field[:40]!r} on line "
            f"{line}{hint}."
        ) from None


def _read_folder(folder: Path, reading: _Reading) -> PatternSet:
    """Reads all pictures of a folder."""
    files = sorted((file for file in folder.iterdir() if not _is_left_there(file)), key=_name)
    for file in files:
        if file.is_dir() or file.suffix.lower() not in PICTURES:
            raise ValueError(
                f"The folder {folder.name} must hold pictures only ({', '.join(PICTURES)}), "
                f"got {file.name}."
            )
    if not files:
        raise ValueError(f"The folder {folder.name} holds no pictures.")
    return _from_pictures(folder, files, reading)


def _name(file: Path) -> str:
    return file.name


def _is_left_there(file: Path) -> bool:
    """Whether a file is hidden, or one that a system leaves in folders that it shows."""
    return file.name.startswith((".", "~$")) or file.name.lower() in LEFT_THERE


def _from_pictures(source: Path, files: list[Path], reading: _Reading) -> PatternSet:
    """Makes a set of pictures of one size."""
    shape: tuple[int, int] | None = None
    rows = []
    for file in files:
        darkness = _read_picture(file)
        if reading.size is not None:
            darkness = resized(darkness, *reading.size)
        if shape is None:
            shape = darkness.shape
        elif darkness.shape != shape:
            sizes = [f"{columns}x{rows} pixels" for rows, columns in (shape, darkness.shape)]
            raise ValueError(
                f"Pictures must have one size: {files[0].name} has {sizes[0]} and {file.name} "
                f"has {sizes[1]}. Bring them to one with size=(rows, columns), on the command line "
                "--size WxH."
            )
        spins = np.where(darkness >= reading.threshold, 1, -1).astype(np.int8)
        tell_lost_contrast(spins, darkness, reading.threshold, file.name, "darkness")
        rows.append(spins.reshape(-1))
    return PatternSet(
        name=source.stem,
        patterns=np.stack(rows),
        labels=tuple(file.stem for file in files),
        shape=shape,
        source=source.name,
        license="unknown",
    )


def _read_picture(source: Path) -> NDArray[np.float64]:
    """Returns how dark each pixel of a picture is, 0 (white) to 1 (black)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    kind = PICTURES[source.suffix.lower()]
    with source.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Only the decoder that the ending names may look at the bytes.
            with Image.open(file, formats=(kind,)) as picture:
                # The header says how large it is, before a pixel is decoded.
                columns, rows = picture.size
                if rows * columns > MAX_PIXELS:
                    raise Image.DecompressionBombError(f"it has {columns:,} x {rows:,}")
                frames = getattr(picture, "n_frames", 1)
                if frames == 1:
                    picture.load()
                    image = ImageOps.exif_transpose(picture)
        except UnidentifiedImageError:
            raise ValueError(f"{source.name} is no {kind} picture.") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(
                f"{source.name} is too large for patterns, whose pictures have {MAX_PIXELS:,} "
                f"pixels at most: {error}. Make it smaller first."
            ) from error
        except Exception as error:  # what Pillow raises for damaged bytes has no common class
            raise ValueError(f"{source.name} is a damaged {kind} picture: {error}") from error
    if frames > 1:
        raise ValueError(f"{source.name} must hold one picture, got {frames} frames.")
    return _darkness(image, source)


def _darkness(image: Image, source: Path) -> NDArray[np.float64]:
    """How dark each pixel is, whatever it is made of."""
    from PIL import Image as images

    if image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        if not (np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= 1):
            raise ValueError(
                f"{source.name} has floats as pixels, which must lie between 0 (black) and 1 "
                f"(white); got {grey.min():g} to {grey.max():g}."
            )
        return 1 - grey
    if image.mode.startswith("I"):
        # 16 bits a pixel, which convert("L") would cut off at 255.
        grey = np.asarray(image, dtype=np.float64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError(f"{source.name} must have 16 bits in each pixel at most.")
        return 1 - grey / 65535
    cover = None
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        cover = np.asarray(image.getchannel("A"), dtype=np.float64) / 255
        image = images.alpha_composite(images.new("RGBA", image.size, "white"), image)
    try:
        dark = 1 - np.asarray(image.convert("L"), dtype=np.float64) / 255
    except ValueError as error:
        raise ValueError(
            f"{source.name} has colours of a kind ({image.mode}) that cannot be turned to grey; "
            "save it as grey or RGB."
        ) from error
    if dark.min() == dark.max():
        if cover is not None and cover.min() < cover.max():
            return cover  # white on nothing: what is there is the drawing
        if any(low != high for low, high in _extrema(image)):
            warn_caller(
                f"{source.name} lost all contrast: its colours differ, and are equally dark "
                f"({dark.min():.4g} of 0 to 1). Turn it to grey yourself, or use from_images on "
                "one of its colours.",
                AmbiguousDataWarning,
            )
    return dark


def _extrema(image: Image) -> list[tuple[float, float]]:
    """Least and greatest number of each band."""
    found: Any = image.getextrema()
    return [found] if len(image.getbands()) == 1 else list(found)
