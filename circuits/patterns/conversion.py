"""Data of zeros and ones, and pictures, as spins: more is +1, less is -1.

There are two conventions, and they are **opposite**:

- *Data* (this file): 1, True and bright pixels are **+1**, 0, False and dark ones **-1**.
- *Measured bits* (:mod:`.bits`): Qiskit's bit **0 is +1** and bit **1 is -1**, so that ``Z``
  measures the spin.

A vector of features goes through :func:`from_binary`, what a circuit measured through
:func:`~.bits.to_spins`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import as_numbers, check_choice, check_count, check_listed, check_real
from ..common.cost import refuse_memory
from ..common.told import warn_caller

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDEST_STRIP = 16
"""Pictures of more columns than this are never three or four columns of colours."""

_TOLD: ContextVar[bool] = ContextVar("ambiguous probes were told of", default=False)


class AmbiguousDataWarning(UserWarning):
    """Data that can be read as spins in two ways, or whose reading lost what was in it."""


def from_binary(values: Any) -> NDArray[np.int8]:
    """Turns data of zeros and ones into spins: **1 and True into +1, 0 and False into -1**.

    This is the convention of data.  Measured bits have the opposite one, see
    :func:`~qhopfield.circuits.patterns.to_spins`.

    Shapes:
        values: any, bools or numbers; returns the same shape, int8.

    Raises:
        TypeError: the entries are neither bools nor real numbers.
        ValueError: an entry is not 0 or 1.

    >>> from_binary([[True, False], [False, True]])
    array([[ 1, -1],
           [-1,  1]], dtype=int8)
    """
    array = as_numbers(values, "values", bools=True)
    good = (array == 0) | (array == 1)
    if not good.all():
        where = tuple(int(each) for each in np.argwhere(~np.asarray(good))[0])
        place = f" at {where if len(where) > 1 else where[0]}" if where else ""
        raise ValueError(
            f"values must hold only 0 and 1, or True and False; got {array[where]}{place}."
            + _hint(array, "values", binary=False)
        )
    return np.where(array == 1, 1, -1).astype(np.int8)


def from_images(
    images: Any,
    *,
    threshold: float = 0.5,
    size: tuple[int, int] | None = None,
    ink: str = "bright",
    maximum: float | None = None,
) -> NDArray[np.int8]:
    """Turns arrays of pictures into spins: pixels of ``threshold`` or more are +1, others -1.

    Colours become grey by their mean, and what is transparent becomes -1.  A picture that loses all
    of its contrast (all of its pixels on one side of the threshold) is told of by an
    :class:`AmbiguousDataWarning`.

    Args:
        images: pictures as numbers or bools. Colours come last: one picture in colour is
            ``picture[None]``.
        threshold: how much of ``maximum`` a pixel of +1 has at least, above 0 to 1.
        size: rows and columns to which pictures are brought first, each new pixel the mean of
            what it covers; None leaves them.
        ink: what becomes +1: ``"bright"`` pixels, as in MNIST and in masks, or ``"dark"`` ones, as
            on paper.
        maximum: the number of a white pixel. None takes 1 for bools, for numbers from 0 to 1, and
            for masks of 0 and 1; 255 or 65535 for integers up to that.

    Shapes:
        images: ``(P, H, W)`` or ``(P, H, W, 3 or 4)``; ``(H, W)`` is one picture.
        result: ``(P, N)``, or ``(N,)`` for one picture, with N = H W, or rows times columns of
            ``size``; int8.

    Raises:
        TypeError: the entries are neither bools nor real numbers, or an option has a wrong type.
        ValueError: a wrong shape, a pixel below 0 or above ``maximum``, a ``maximum`` that must be
            given, or an option out of range.

    >>> from_images([[[0, 255], [200, 10]]])
    array([[-1,  1,  1, -1]], dtype=int8)
    """
    threshold = check_real(threshold, "threshold", minimum=0, maximum=1, exclusive=True)
    check_choice(ink, "ink", ("bright", "dark"))
    array = as_numbers(images, "images", bools=True)
    shape = array.shape
    single = array.ndim == 2
    colours = array.ndim == 4 and shape[-1] in (3, 4)
    if array.ndim not in (2, 3) and not colours:
        raise ValueError(
            "images must have shape (P, H, W), (H, W), or (P, H, W, 3 or 4) in colour; "
            f"got shape {shape}."
        )
    if array.size == 0:
        raise ValueError(f"images must not be empty, got shape {shape}.")
    if array.ndim == 3 and shape[2] in (3, 4) and shape[1] > WIDEST_STRIP:
        raise ValueError(
            f"images of shape {shape} look like one picture in colour: give images[None], or the "
            f"colours' mean (images.mean(axis=-1))."
        )
    white = _white(array) if maximum is None else check_real(maximum, "maximum", minimum=0)
    if white <= 0:
        raise ValueError("maximum must be above 0, got 0.")
    light = array.astype(np.float64)
    if not (np.isfinite(light).all() and light.min() >= 0 and light.max() <= white):
        raise ValueError(
            f"images must hold numbers from 0 to maximum={white:g}; got numbers from "
            f"{array.min():g} to {array.max():g}."
        )
    light = light / white
    if colours:
        cover = light[..., 3] if shape[-1] == 4 else 1.0
        paper = 0.0 if ink == "bright" else 1.0
        light = light[..., :3].mean(axis=-1) * cover + (1.0 - cover) * paper
    if single:
        light = light[None]
    if size is not None:
        rows, columns = wanted_size(size)
        light = np.stack([resized(each, rows, columns) for each in light])
    amount = light if ink == "bright" else 1 - light
    spins = np.where(amount >= threshold, 1, -1).astype(np.int8).reshape(len(light), -1)
    name = "brightness" if ink == "bright" else "darkness"
    for index, (row, each) in enumerate(zip(spins, amount, strict=True)):
        tell_lost_contrast(row, each, threshold, f"Picture {index}", name)
    return spins[0] if single else spins


def tell_ambiguous_probes(rows: NDArray[Any], name: str = "probes") -> None:
    """Warns of probes in which there are ones and zeros, and no -1 anywhere.

    They may be data of 0 and 1, or known +1 beside erased entries; they are read as the latter.
    """
    if _TOLD.get() or rows.size == 0:
        return
    zeros, ones = rows == 0, rows == 1
    if zeros.any() and ones.any() and (zeros | ones).all():
        warn_caller(
            f"{name} hold only 0 and 1: read as erased entries (0) and known spins (+1). If 0 "
            f"means -1, pass from_binary({name}) (qhopfield.circuits.patterns). If zeros are "
            "meant as erased, silence this with "
            "warnings.simplefilter('ignore', AmbiguousDataWarning).",
            AmbiguousDataWarning,
        )


@contextmanager
def ambiguity_told() -> Iterator[None]:
    """Tells nothing more about probes that were looked at already."""
    token = _TOLD.set(True)
    try:
        yield
    finally:
        _TOLD.reset(token)


def tell_lost_contrast(
    spins: NDArray[Any], amount: NDArray[Any], threshold: float, name: str, what: str
) -> None:
    """Warns of a picture with contrast that became one spin everywhere.

    Args:
        spins: what it became.
        amount: how dark or bright its pixels are, 0 to 1.
        threshold: from which amount on a pixel is +1.
        name: of the picture, which begins the sentence.
        what: of which the amount is.
    """
    low, high = float(amount.min()), float(amount.max())
    if low == high or (spins != spins.flat[0]).any():
        return
    warn_caller(
        f"{name} lost all contrast: its {what} runs from {low:.4g} to {high:.4g} (of 0 to 1), all "
        f"on one side of threshold={threshold:g}, so every entry is {int(spins.flat[0]):+d}. A "
        f"threshold between these, such as threshold={(low + high) / 2:.4g}, keeps it.",
        AmbiguousDataWarning,
    )


def conversion_hint(array: NDArray[Any], name: str) -> str:
    """What would turn data that is no spins into spins; empty where nothing is known to."""
    return _hint(array, name, binary=True)


def wanted_size(size: Any) -> tuple[int, int]:
    """Checks rows and columns of pictures.

    Raises:
        TypeError: no pair of integers.
        ValueError: not two, or below 1.
    """
    sides = [
        check_count(side, "size", minimum=1)
        for side in check_listed(size, "size", "(rows, columns) of the pictures")
    ]
    if len(sides) != 2:
        raise ValueError(f"size must be (rows, columns), got {len(sides)} numbers.")
    return sides[0], sides[1]


def resized(picture: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """A picture of another size; each new pixel is the mean of what it covers.

    Raises:
        ValueError: the new size does not fit in memory.
    """
    (high, wide), pixels = picture.shape, float(rows) * columns
    refuse_memory(
        8.0 * (pixels + float(rows) * (high + wide) + float(columns) * wide),
        f"A picture of {high} rows and {wide} columns brought to size=({rows}, {columns})",
        "Use a smaller size; every pixel becomes a neuron.",
    )
    return np.asarray(
        _covers(picture.shape[0], rows) @ picture @ _covers(picture.shape[1], columns).T
    )


def _covers(old: int, new: int) -> NDArray[np.float64]:
    """How much of each new pixel, (new, old), lies over each old one."""
    edges = np.linspace(0, old, new + 1)
    starts = np.arange(old)
    over = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights = np.clip(over, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _white(array: NDArray[Any]) -> float:
    """The number of a white pixel, where the numbers say it."""
    highest = float(array.max())
    if array.dtype.kind == "b" or highest <= 1:
        return 1.0
    if array.dtype.kind in "iu":
        for white in (255.0, 65535.0):
            if highest <= white:
                return white
    raise ValueError(
        f"images hold numbers up to {highest:g}: say which number is white, such as maximum=255."
    )


def _hint(array: NDArray[Any], name: str, *, binary: bool) -> str:
    place = "(qhopfield.circuits.patterns)"
    if array.size == 0 or array.dtype.kind not in "biuf":
        return ""
    spins = bool(((array == 1) | (array == -1)).all()) and array.dtype.kind != "b"
    if array.ndim in (3, 4):
        if spins:
            return f" For a stack of pictures, {name}.reshape(len({name}), -1) gives one row each."
        return (
            f" For a stack of pictures, from_images({name}, threshold=0.5) gives one row each "
            f"{place}."
        )
    if spins:
        return "" if binary else " These are spins already."
    if array.dtype.kind == "b" or bool(((array == 0) | (array == 1)).all()):
        return f" from_binary({name}) turns 1 and True into +1, 0 and False into -1 {place}."
    if bool(((array >= 0) & (array <= 255)).all()) and array.max() > 1:
        return (
            f" For grey pixels of 0 to 255 in rows, from_binary({name} >= 128) gives spins, and "
            f"from_images does for pictures (P, H, W) {place}."
        )
    return ""
