"""Options that several commands share, and what is built from them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..circuits.methods import NeuronDynamics
    from ..circuits.models import Model
    from ..circuits.patterns import PatternSet

MEMORY, METHOD, RUN = "Memory", "Method", "Running"

Patterns = Annotated[
    str,
    typer.Option(
        "--patterns",
        "-p",
        metavar="SET|PATH",
        help="cy, alphabet, digits, mnist, or a .npy, .csv, picture or folder of pictures.",
        rich_help_panel=MEMORY,
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="LABELS",
        help="Which to store: labels between commas ('3,8'), '#12' for an index. All if left out.",
        rich_help_panel=MEMORY,
    ),
]
PerLabel = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Store the first K of every label, 0 for all. 1 if left out, unless indices are "
        "given.",
        rich_help_panel=MEMORY,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="M", help="Store the first M of these.", rich_help_panel=MEMORY),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="How dark ink is at least in pictures, above 0 (white) to 1 (black). 0.5 if left out.",
        rich_help_panel=MEMORY,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Bring pictures to W columns and H rows, such as 8x10, each new pixel the mean of "
        "what it covers. For pictures of several sizes.",
        rich_help_panel=MEMORY,
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME", help="hopfield, dense or modern.", rich_help_panel=MEMORY
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Learning rule of hopfield: projection, hebb or storkey. projection if left out.",
        rich_help_panel=MEMORY,
    ),
]
Separation = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Separation function of dense: polynomial, rectified or exponential. polynomial if "
        "left out.",
        rich_help_panel=MEMORY,
    ),
]
Power = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Power of a polynomial separation function. 3 if left out.",
        rich_help_panel=MEMORY,
    ),
]
Beta = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Sharpness of the exponential separation function, of modern, and of an exp or kernel "
        "filter. 1 if left out.",
        rich_help_panel=MEMORY,
    ),
]

NeuronName = Annotated[
    str | None,
    typer.Option(
        "--neuron",
        metavar="NAME",
        help="rotation (level 0), rus (repeat until success) or threshold (exact sign). rus if "
        "left out.",
        rich_help_panel=METHOD,
    ),
]
Level = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Nesting of a rus neuron; each level halves the temperature. 3 if left out.",
        rich_help_panel=METHOD,
    ),
]
Attempts = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most tries of a rus block; 1 post-selects. Until success if left out.",
        rich_help_panel=METHOD,
    ),
]
Bits = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Bits of a threshold neuron's weights, where they must be rounded. 10 if left out.",
        rich_help_panel=METHOD,
    ),
]
Register = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Where neurons live: feedforward, reuse or coherent. feedforward if left out.",
        rich_help_panel=METHOD,
    ),
]
Order = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER",
        help="sequential, random, or neuron indices between commas. sequential if left out.",
        rich_help_panel=METHOD,
    ),
]
Synchronous = Annotated[
    bool,
    typer.Option(
        "--synchronous", help="Update all neurons of a sweep at once.", rich_help_panel=METHOD
    ),
]
Sweeps = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How often every neuron is updated. 3 if left out, 1 for vote.",
        rich_help_panel=METHOD,
    ),
]
Gain = Annotated[
    str | None,
    typer.Option(
        metavar="GAIN",
        help="Angle in radians per unit of field: safe, typical or a number. safe if left out.",
        rich_help_panel=METHOD,
    ),
]
Fold = Annotated[
    bool,
    typer.Option("--fold", help="Allow a gain beyond the safe one.", rich_help_panel=METHOD),
]


@dataclass(frozen=True)
class Memory:
    """A model with what is known of its patterns.

    Attributes:
        model: energy and update rule.
        stored: the patterns, with labels and shape.
    """

    model: Model
    stored: PatternSet


@dataclass(frozen=True)
class Reading:
    """How pictures become patterns, as the options have it.

    Attributes:
        threshold: how dark ink is at least, 0 to 1.
        size: columns and rows, such as ``8x10``.
    """

    threshold: float | None = None
    size: str | None = None

    def refuse_without_pictures(self, *sources: str | Path | None) -> None:
        """Refuses the options where nothing is a picture.

        Raises:
            ValueError: one was given, and no source is a picture or a folder.
        """
        if not any(source is not None and _is_picture(source) for source in sources):
            refuse("pictures", threshold=self.threshold, size=self.size)

    def load(self, path: str | Path) -> PatternSet:
        """Reads patterns, see :func:`~qhopfield.circuits.patterns.load_patterns`.

        Raises:
            ValueError: an option is out of range, or the file is not what it claims.
        """
        from ..circuits.common.checks import check_real
        from ..circuits.patterns import load_patterns

        threshold = 0.5 if self.threshold is None else self.threshold
        threshold = check_real(threshold, "--threshold", minimum=0, maximum=1, exclusive=True)
        return load_patterns(path, threshold=threshold, size=self._rows_and_columns())

    def _rows_and_columns(self) -> tuple[int, int] | None:
        if self.size is None:
            return None
        columns, cross, rows = self.size.partition("x")
        if not (cross and columns.isdecimal() and rows.isdecimal() and int(columns) * int(rows)):
            raise ValueError(
                f"--size must be WxH, columns and rows >= 1 such as 8x10, got {self.size!r}."
            )
        return int(rows), int(columns)


def _is_picture(source: str | Path) -> bool:
    from ..circuits.patterns import available_sets
    from ..circuits.patterns.files import PICTURES

    if source in available_sets():
        return False
    return Path(source).is_dir() or Path(source).suffix.lower() in PICTURES


_PLAIN = Reading()


def read_patterns(
    patterns: str,
    store: str | None,
    per_label: int | None,
    limit: int | None,
    reading: Reading = _PLAIN,
) -> PatternSet:
    """Reads a bundled set or a user's own, and picks from it.

    Raises:
        FileNotFoundError: there is neither such a set nor such a file.
        ValueError: a choice that does not fit the set, or a file that is not what it claims.
    """
    from ..circuits.common.checks import check_count
    from ..circuits.patterns import available_sets, load_set

    if patterns in available_sets():
        chosen = load_set(patterns)
    elif Path(patterns).exists():
        chosen = reading.load(patterns)
    else:
        raise FileNotFoundError(
            f"--patterns: {patterns!r} is neither a file, nor a folder, nor a bundled set "
            f"({', '.join(available_sets())})."
        )
    keys: list[str | int] = []
    if store is not None:
        keys = [_key(each.strip()) for each in store.split(",")]
        chosen = chosen.select(keys)
    if per_label is None:
        # Someone who names indices means these.
        per_label = 0 if any(isinstance(key, int) for key in keys) else 1
    if check_count(per_label, "--per-label"):
        seen: dict[str, int] = {}
        kept: list[int] = []
        for index, label in enumerate(chosen.labels):
            seen[label] = seen.get(label, 0) + 1
            if seen[label] <= per_label:
                kept.append(index)
        chosen = chosen.select(kept)
    if limit is not None:
        chosen = chosen.select(range(min(check_count(limit, "--limit", minimum=1), len(chosen))))
    return chosen


def build_memory(
    stored: PatternSet,
    model: str,
    rule: str | None,
    separation: str | None,
    power: int | None,
    beta: float | None,
) -> Memory:
    """Stores patterns in the chosen model.

    Raises:
        ValueError: an unknown name, an option of another model, or patterns that it cannot store.
    """
    from ..circuits.common.checks import check_choice
    from ..circuits.models import (
        DenseAssociativeMemory,
        Exponential,
        Hopfield,
        ModernHopfield,
        Polynomial,
        RectifiedPolynomial,
        SeparationFunction,
    )

    check_choice(model, "--model", ("hopfield", "dense", "modern"))
    if model == "hopfield":
        refuse("--model dense", separation=separation, power=power)
        refuse("--model dense and modern, and an exp or kernel filter", beta=beta)
        chosen: Model = Hopfield.store(stored.patterns, rule=rule or "projection")
        return Memory(chosen, stored)
    refuse("--model hopfield", rule=rule)
    if model == "modern":
        refuse("--model dense", separation=separation, power=power)
        modern = ModernHopfield(stored.patterns, beta=1.0 if beta is None else beta)
        return Memory(modern, stored)
    separation = check_choice(
        separation or "polynomial", "--separation", ("polynomial", "rectified", "exponential")
    )
    function: SeparationFunction
    if separation == "exponential":
        refuse("--separation polynomial and rectified", power=power)
        function = Exponential(1.0 if beta is None else beta)
    else:
        refuse("--separation exponential", beta=beta)
        kind = Polynomial if separation == "polynomial" else RectifiedPolynomial
        function = kind(3 if power is None else power)
    return Memory(DenseAssociativeMemory(stored.patterns, separation=function), stored)


def build_method(
    neuron: str | None,
    level: int | None,
    attempts: int | None,
    bits: int | None,
    register: str | None,
    order: str | None,
    synchronous: bool,
    sweeps: int | None,
    gain: str | None,
    fold: bool,
) -> NeuronDynamics:
    """Makes the dynamics of neurons.

    Raises:
        ValueError: an unknown name, a number out of range, or an option of another neuron.
    """
    from ..circuits import NeuronDynamics, RotationNeuron, RUSNeuron, ThresholdNeuron
    from ..circuits.blocks import Neuron
    from ..circuits.common.checks import check_choice

    neuron = "rus" if neuron is None else neuron
    check_choice(neuron, "--neuron", ("rotation", "rus", "threshold"))
    if neuron != "rus":
        refuse("--neuron rus", level=level, attempts=attempts)
    if neuron != "threshold":
        refuse("--neuron threshold", bits=bits)
    chosen: Neuron
    if neuron == "rus":
        chosen = RUSNeuron(level=3 if level is None else level, attempts=attempts)
    elif neuron == "rotation":
        chosen = RotationNeuron()
    else:
        chosen = ThresholdNeuron() if bits is None else ThresholdNeuron(bits=bits)
    return NeuronDynamics(
        chosen,
        sweeps=3 if sweeps is None else sweeps,
        order=read_order("sequential" if order is None else order),
        synchronous=synchronous,
        register="feedforward" if register is None else register,
        gain=_gain("safe" if gain is None else gain),
        fold=fold,
    )


def read_probes(
    path: Path, num_neurons: int, reading: Reading, zeros_erased: bool
) -> NDArray[np.float64]:
    """Reads probes: files as for patterns; numbers may also lie between -1 and 1, 0 being erased.

    A file of only 0 and 1 is read as data of 0 and 1, in which 0 is -1, and that is said on
    standard error; with ``zeros_erased`` its zeros are erased entries.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not what it claims, or its rows do not fit the memory.
    """
    import numpy as np

    from ..circuits.patterns import check_probes, from_binary
    from ..circuits.patterns.files import read_numbers

    if not path.exists():
        raise FileNotFoundError(f"--probe: there is no file {path}.")
    if path.is_dir() or path.suffix.lower() not in (".npy", ".csv"):
        refuse("a .npy or .csv file", zeros_erased=zeros_erased or None)
        return check_probes(reading.load(path).patterns, num_neurons, name=path.name)
    numbers = read_numbers(path)
    if numbers.dtype.kind == "b":
        refuse("numbers, not True and False", zeros_erased=zeros_erased or None)
        return check_probes(from_binary(numbers), num_neurons, name=path.name)
    rows = check_probes(numbers, num_neurons, name=path.name)
    if zeros_erased or not np.isin(rows, (0, 1)).all() or not (rows == 0).any():
        return rows
    print(
        f"qhopfield: {path} holds only 0 and 1, and is read as such data: 0 is -1. If its zeros "
        "are erased entries, add --zeros-erased.",
        file=sys.stderr,
    )
    return np.where(rows == 1, 1.0, -1.0)


def amount(text: str | None, name: str) -> float | None:
    """Reads how many entries are meant: ``13`` is a number, ``0.2`` a fraction.

    Raises:
        ValueError: it is neither.
    """
    if text is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ValueError(f"{name} must be a number of entries (13) or a fraction (0.2), got {text!r}.")


def refuse(owner: str, **options: object) -> None:
    """Refuses options that were given but belong to something else.

    Raises:
        ValueError: one was given.
    """
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"--{name.replace('_', '-')} is for {owner}; leave it out here.")


def read_order(text: str) -> Any:
    """Reads an order: a name, or indices between commas."""
    if text and not set(text) - set("0123456789, "):
        return [int(each) for each in text.split(",")]
    return text


def _key(text: str) -> str | int:
    """A label, or the index after ``#``."""
    if text.startswith("#"):
        try:
            return int(text[1:])
        except ValueError:
            raise ValueError(
                f"--store: an index is written '#' and a whole number, got {text!r}."
            ) from None
    return text


def _gain(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
