"""What the commands print and write."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .screen import takes_blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ..circuits import RecallResult
    from ..circuits.patterns import PatternSet

PICTURES = (".png", ".svg", ".pdf")
# What the files of options may be called, where it matters.
KINDS = {"picture": PICTURES, "plot": PICTURES, "save": (".npz",)}
FREE = ("picture", "plot")
MOST_ROWS = 40
STRIP_HEAD = 10
NEAREST = "Overlaps are with the stored pattern nearest to what was recalled: no targets are known."
SHOWN_CHANCE = 0.0005  # smaller ones would print as 0.0 %
# Of two pixels one above the other: +1 is ink, -1 paper, 0 erased.
BLOCKS: Mapping[tuple[int, int], str] = {
    (1, 1): "█",
    (1, -1): "▀",
    (-1, 1): "▄",
    (-1, -1): " ",
    (1, 0): "▓",
    (0, 1): "▓",
    (0, 0): "▒",
    (-1, 0): "░",
    (0, -1): "░",
}
# The same where the encoding has letters and signs only.
SIGNS: Mapping[tuple[int, int], str] = {
    (1, 1): "#",
    (1, -1): '"',
    (-1, 1): "_",
    (-1, -1): " ",
    (1, 0): "+",
    (0, 1): "+",
    (0, 0): ":",
    (-1, 0): ".",
    (0, -1): ".",
}


# Files.


def check_targets(**targets: Path | None) -> None:
    """Refuses files that could not be written, before the work that would fill them.

    Args:
        targets: what is to be written where, by the option's name.

    Raises:
        OSError: a path is a folder, or it or its folder does not exist or cannot be written.
        ValueError: a picture or result of an unknown kind, or one path for two files.
    """
    from ..circuits.common.files import check_writable

    for name, path in targets.items():
        if path is None:
            continue
        known = KINDS.get(name)
        # A pipe or a device has no ending; what it gets is the first kind.
        free = name in FREE and (str(path) == "-" or (path.exists() and not path.is_file()))
        if known is not None and not (free and not path.suffix) and not path.is_dir():
            if path.suffix.lower() not in known:
                raise ValueError(f"--{name} must end in {' or '.join(known)}, got {path.name!r}.")
        try:
            check_writable(path)
        except OSError as error:
            text = error.strerror or str(error)
            raise type(error)(f"--{name}: {text}") from error
    paths = [path.resolve() for path in targets.values() if path is not None]
    if len(set(paths)) < len(paths):
        raise ValueError("Two outputs have one path; give each a file of its own.")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure; the file is whole or not there."""
    from ..circuits.common.files import whole_file

    kind = path.suffix.lower().lstrip(".") or PICTURES[0].lstrip(".")
    with whole_file(path) as file:
        figure.savefig(file, format=kind, dpi=150)


def write(
    result: RecallResult,
    stored: PatternSet,
    *,
    picture: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    save: Path | None = None,
) -> list[Path]:
    """Writes a result wherever it was asked for, and returns the paths."""
    if picture is not None:
        from ..circuits.plotting import plot_recall

        save_figure(plot_recall(result, stored.shape, labels=stored.labels), picture)
    if csv is not None:
        result.to_csv(csv)
    if json is not None:
        result.to_json(json)
    if save is not None:
        result.save(save)
    return [path for path in (picture, csv, json, save) if path is not None]


def print_written(out: Console, paths: list[Path]) -> None:
    """Says where files are."""
    from ..circuits.common.files import is_standard_output

    for path in paths:
        if is_standard_output(path):
            continue
        # Unwrapped, so that it can be copied.
        out.print(f"Wrote {path.absolute()}", markup=False, soft_wrap=True)


# Pictures in the terminal.


def half_blocks(
    picture: NDArray[Any], characters: Mapping[tuple[int, int], str] = BLOCKS
) -> list[str]:
    """A picture of +1, -1 and 0 as lines of text, two rows of pixels in each line."""
    rows = picture.tolist()
    if len(rows) % 2:
        rows.append([-1] * len(rows[0]))
    return [
        "".join(characters[int(upper), int(lower)] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


def side_by_side(
    out: Console, states: NDArray[Any], shape: tuple[int, int], titles: list[str] | None
) -> list[str]:
    """Pictures beside each other, as many as fit on the screen, as lines of text."""
    width, characters = out.width, _characters(out)
    cell = max([shape[1], *(len(title) for title in titles or ())])
    across = max(1, (width + 2) // (cell + 2))
    lines: list[str] = []
    for first in range(0, len(states), across):
        block = states[first : first + across]
        if lines:
            lines.append("")
        if titles is not None:
            names = titles[first : first + across]
            lines.append("  ".join(name.center(cell) for name in names).rstrip())
        drawn = [half_blocks(state.reshape(shape), characters) for state in block]
        lines.extend(
            "  ".join(part.center(cell) for part in parts).rstrip()
            for parts in zip(*drawn, strict=True)
        )
    return lines


def _characters(out: Console) -> Mapping[tuple[int, int], str]:
    return BLOCKS if takes_blocks(out) else SIGNS


def strip_width(stored: PatternSet) -> int:
    """Columns that :func:`print_strips` takes."""
    assert stored.shape is not None  # only pictures are shown so
    return STRIP_HEAD + len(stored) * (stored.shape[1] + 1) - 1


def print_strips(out: Console, result: RecallResult, stored: PatternSet) -> None:
    """Shows probes, recalled states and the classical ones as strips of pictures."""
    assert stored.shape is not None  # only pictures are shown so
    characters = _characters(out)
    strips: list[tuple[str, NDArray[Any]]] = [
        ("probe", result.probes),
        ("recalled", result.states),
    ]
    if result.classical_states is not None:
        strips.append(("classical", result.classical_states))
    for name, states in strips:
        drawn = [half_blocks(state.reshape(stored.shape), characters) for state in states]
        out.print()
        for number, parts in enumerate(zip(*drawn, strict=True)):
            head = (name if number == 0 else "").ljust(STRIP_HEAD)
            out.print(head + " ".join(parts), markup=False, no_wrap=True, overflow="crop")
    out.print()


# Tables.


def recall_table(result: RecallResult, stored: PatternSet, *, name: str = "pattern") -> Table:
    """One row a probe; overlaps are with the target, or with the nearest where there is none.

    Args:
        result: the result.
        stored: labels of the stored patterns.
        name: what a pattern is called.
    """
    known = result.targets is not None
    compared, own = result.compared_with()
    starts = (result.probes * compared).mean(axis=1)
    overlaps = (result.states * compared.astype(float)).mean(axis=1)
    classical = result.classical_states
    twins = None if classical is None else (classical * compared.astype(float)).mean(axis=1)
    for values in (starts, overlaps, twins):
        if values is not None:
            values[~compared.any(axis=1)] = math.nan
    overlaps[~result.recalled] = math.nan
    accepted = result.acceptance
    selective = bool((accepted < 1.0 - 1e-9).any())

    table = Table(box=SIMPLE_HEAD, caption=_more(result.num_probes), caption_justify="left")
    table.add_column(name if known else "probe", justify="right")
    table.add_column("probe\noverlap", justify="right")
    table.add_column("recalled\noverlap", justify="right")
    if not known:
        table.add_column("nearest\nstored", justify="right")
    table.add_column("probability" if result.exact else "share of\nshots", justify="right")
    if selective:
        table.add_column("accepted", justify="right")
    table.add_column("energy", justify="right")
    if twins is not None:
        table.add_column("classical\noverlap", justify="right")
    if known:
        table.add_column("correct?")
    for index in range(min(result.num_probes, MOST_ROWS)):
        found = bool(result.recalled[index])
        label = stored.labels[own[index]] if own[index] >= 0 else "-"
        cells = [label if known else str(index)]
        cells += [_number(starts[index]), _number(overlaps[index])]
        if not known:
            cells.append(label)
        share = float(result.probabilities[index])
        cells.append(_number(share) if result.exact else _percent(share))
        if selective:
            cells.append(_percent(float(accepted[index])))
        cells.append(f"{result.energies[index]:.2f}" if found else "-")
        if twins is not None:
            cells.append(_number(twins[index]))
        if result.correct is not None:
            cells.append("yes" if result.correct[index] else "[bold]no[/]")
        table.add_row(*cells)
    return table


def print_summary(out: Console, result: RecallResult) -> None:
    """Says how many probes came back, by circuits and classically, and what chance would give."""
    import numpy as np

    if not result.recalled.any():
        out.print("No shot was accepted: nothing was recalled.", markup=False)
        return
    if result.targets is None:
        out.print(NEAREST, markup=False)
    else:
        assert result.correct is not None and result.accuracy_interval is not None
        number = result.num_probes
        low, high = result.accuracy_interval
        mean = float(np.nanmean((result.expectations * result.targets).mean(axis=1)))
        share = float(np.nanmean(result.probability_of(result.targets)))
        most = "probable" if result.exact else "frequent"
        words = (
            f"{int(result.correct.sum())} of {number} most {most} states are the stored pattern "
            "exactly"
        )
        right = result.classical_correct
        if right is not None:
            words += f"; of the classical dynamics, {int(right.sum())}"
        out.print(
            f"{words}. Accuracy {result.accuracy:.0%} ({low:.0%} to {high:.0%}).", markup=False
        )
        over = "Over the distribution" if result.exact else "All shots together"
        single = f"{over}: mean overlap {mean:.3f}, exact in {share:.1%}"
        if right is not None and result.classical_states is not None:
            twin = float((result.classical_states * result.targets.astype(float)).mean())
            single += f"; classical {twin:.3f} and {right.mean():.1%}"
        out.print(single + ".", markup=False)
    if result.chance is not None and result.chance >= SHOWN_CHANCE:
        out.print(
            f"Chance level: noise alone would give each stored pattern {result.chance:.1%} of the "
            "accepted shots.",
            markup=False,
        )


def print_parts(out: Console, result: RecallResult) -> None:
    """Says what became of the submodules, where there are several."""
    parts = result.parts
    if parts is None:
        return
    named = []
    for status in parts.STATUS:
        mean = float(parts.count(status).mean())
        if mean > 0.0 or status == "answered":
            named.append(f"{mean:.4g} {status}")
    grid = [
        _count(int(numbers.max()) + 1, noun)
        for numbers, noun in (
            (parts.shard, "shard"),
            (parts.block, "block"),
            (parts.replica, "replica"),
        )
        if numbers.max() > 0
    ]
    out.print(
        f"Submodules: {len(parts)}{' (' + ' x '.join(grid) + ')' if grid else ''}; for a probe "
        f"{', '.join(named)}; {parts.covered().mean():.1%} of the patterns covered.",
        markup=False,
    )


def print_costs(out: Console, result: RecallResult, seconds: float) -> None:
    """Says what the recall took."""
    import numpy as np

    cost = result.resources
    if cost is not None and result.parts is not None:
        if cost.qubits:
            out.print(
                f"Circuits: {cost.circuits} side by side, {_count(cost.qubits, 'qubit')} and depth "
                f"{cost.depth:,} at most, {cost.two_qubit_gates:,} two-qubit gates a shot in all.",
                markup=False,
            )
    elif cost is not None:
        gates = cost.expected_two_qubit_gates
        counted = "expected" if math.isfinite(gates) else "with every loop run once"
        gates = gates if math.isfinite(gates) else float(cost.two_qubit_gates)
        out.print(
            f"Circuits: {_count(cost.qubits, 'qubit')}, {_count(cost.updates, 'update')} a shot, "
            f"{gates:,.0f} two-qubit gates a shot {counted}"
            + (f" ({gates / cost.updates:.1f} an update)." if cost.updates else "."),
            markup=False,
        )
    details = []
    neurons = result.method.startswith("NeuronDynamics")
    if not np.isnan(result.attempts).all():
        counted = "attempts (level-1 blocks) an update" if neurons else "loadings of the memory"
        details.append(f"{np.nanmean(result.attempts):.2f} {counted}")
    if (result.acceptance < 1.0 - 1e-9).any():
        details.append(f"{result.acceptance.mean():.1%} of shots accepted")
    if np.nansum(result.folded) > 0.0:
        details.append(f"{np.nanmean(result.folded):.1%} of updates beyond the gain's range")
    if details:
        out.print(("Neurons: " if neurons else "Memory: ") + ", ".join(details) + ".", markup=False)
    probes = _count(result.num_probes, "probe")
    work = probes if result.exact else f"{probes} x {_count(result.shots, 'shot')}"
    out.print(f"Run: {work} on {result.run_on} in {seconds:.1f} s.", markup=False)


def _more(number: int) -> str | None:
    if number <= MOST_ROWS:
        return None
    return f"and {number - MOST_ROWS} more; --csv writes all"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100.0 * share:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
