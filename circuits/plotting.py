"""Figures drawn from patterns and results.

They are :class:`~.figures.Figure` objects: where a program has imported pyplot, ``pyplot.show()``
shows them (the latest ten); where it has not, they are made without it. A notebook shows each of
them once. Ink (+1) is dark, paper (-1) light, an erased entry (0) grey. The colours can be told
apart with any colour vision and without colour. The label of a figure, ``figure.get_label()``, is a
text for those who cannot see it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .common.checks import check_count
from .methods import Trace
from .patterns import PatternSet, check_probes
from .result import RecallResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, ERASED, PAPER = "#1d2b45", "#a3a3a3", "#f7f4ea"
MINUS = "#8ea4c8"
"""Bars that point down."""
WRONG = "#d55e00"
"""Frames of entries unlike the target, or the nearest stored pattern."""
TEXT, FAINT, EDGE = "#222222", "#5c5c5c", "#bdbdbd"
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31")
"""M. Okabe and K. Ito (2008), "Color Universal Design", with a brown for the yellow."""
MARKERS = "osD^vph<"
MOST_LINES = 10
"""Most probes whose lines are told apart; of more, all look alike and their mean stands out."""

# Inches.
MARGIN, PICTURE, BAR_HEIGHT, GAP, LINE = 0.15, 1.0, 0.55, 0.16, 0.13
# Pictures with more pixels a side are drawn larger and without a grid.
FINE = 20
TRACE_HEIGHT = 2.5


def plot_patterns(
    patterns: ArrayLike | PatternSet,
    shape: tuple[int, int] | None = None,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 10,
) -> Figure:
    """Draws patterns or probes as small pictures of one size.

    Args:
        patterns: entries in [-1, 1], or a :class:`~qhopfield.circuits.patterns.PatternSet`.
        shape: rows and columns of the pictures; None takes the set's, or a square where N is one,
            and draws bars otherwise.
        titles: one a pattern; None takes the set's labels, or numbers.
        columns: the most pictures in a row, >= 1.

    Shapes:
        patterns: (M, N) or (N,)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an entry is out of range, or an argument does not fit the patterns.
    """
    if isinstance(patterns, PatternSet):
        shape = patterns.shape if shape is None else shape
        titles = patterns.labels if titles is None else titles
        patterns = patterns.patterns
    num_neurons = max(1, np.shape(patterns)[-1]) if np.ndim(patterns) else 1
    rows = check_probes(patterns, num_neurons, name="patterns")
    shape = _check_shape(shape, num_neurons)
    titles = _check_names(titles, "titles", len(rows), "")
    columns = min(check_count(columns, "columns", minimum=1), len(rows))
    wide, high = _cell(shape, num_neurons)
    if shape is None:
        columns = min(columns, 3)
    head = LINE + 0.08
    lines = math.ceil(len(rows) / columns)
    figure = _figure(
        2 * MARGIN + columns * (wide + GAP) - GAP, 2 * MARGIN + lines * (high + head + GAP) - GAP
    )
    figure.set_label(f"{len(rows)} patterns of {num_neurons} neurons: {', '.join(titles)}.")
    for index, (row, title) in enumerate(zip(rows, titles, strict=True)):
        line, column = divmod(index, columns)
        left = MARGIN + column * (wide + GAP)
        top = MARGIN + line * (high + head + GAP) + head
        axes = _axes(figure, left, top, wide, high)
        _draw_state(axes, row, shape)
        axes.set_title(title, fontsize=9, color=TEXT, pad=3)
    return figure


def plot_recall(
    result: RecallResult,
    shape: tuple[int, int] | None = None,
    *,
    probes: Sequence[int] | None = None,
    max_probes: int = 10,
    labels: Sequence[str] | None = None,
) -> Figure:
    """Draws what each probe was and became, beside what is stored.

    For each probe: the probe, the most probable recalled state with its share of the accepted
    shots, where the classical dynamics took the probe (if that was run), and the target, that is
    what was meant. Entries unlike the target are framed. Where ``recall`` was not told the targets,
    the stored pattern nearest to the recalled state stands in their place, and the picture says so:
    it cannot show that a probe fell into a wrong pattern. Below stands what :func:`plot_trace`
    draws, if there is a trace.

    Args:
        result: what ``recall`` gave.
        shape: rows and columns of the pictures; None takes a square where N is one, and draws bars
            otherwise.
        probes: indices of the probes to draw; None takes the first ``max_probes``.
        max_probes: the most probes to draw where ``probes`` is None, >= 1.
        labels: names of the stored patterns; None numbers them.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument does not fit the result.
    """
    _check_result(result)
    shape = _check_shape(shape, result.num_neurons)
    shown = _check_shown(result, probes, max_probes)
    names = _check_names(labels, "labels", len(result.patterns), "pattern ")
    panels = _panels(result, names)
    wide, high = _cell(shape, result.num_neurons)
    captioned = [
        max(0.25 + LINE * (captions[probe].count("\n") + 1) for probe in shown)
        for _, _, captions in panels
    ]
    # Pictures have a column for each probe; bars are wide and flat and have a row.
    across, down = (len(shown), len(panels)) if shape else (len(panels), len(shown))
    left = MARGIN + 0.75
    width = max(left + across * (wide + GAP) - GAP + MARGIN, 5.4 if result.trace is None else 7.0)
    title, subtitle = _heading(result, shown, width)
    top = MARGIN + 0.22 * (title.count("\n") + 1) + LINE * (subtitle.count("\n") + 1) + 0.4
    # Cells of one row have the room below that the longest of their captions needs.
    below = captioned if shape else [max(captioned)] * len(shown)
    tops = [top + row * high + sum(below[:row]) for row in range(down)]
    bottom = tops[-1] + high + below[-1]
    legend = 0.2
    traced = 0.0 if result.trace is None else TRACE_HEIGHT
    figure = _figure(width, bottom + legend + traced + MARGIN)
    figure.set_label(_describe(result, shown, names))
    _write(figure, MARGIN, MARGIN, title, fontsize=12, color=TEXT, linespacing=1.15)
    under = MARGIN + 0.22 * (title.count("\n") + 1)
    _write(figure, MARGIN, under, subtitle, fontsize=7.5, color=FAINT, linespacing=1.2)
    compared, _ = result.compared_with()
    for kind, (name, states, captions) in enumerate(panels):
        for place, probe in enumerate(shown):
            column, row = (place, kind) if shape else (kind, place)
            axes = _axes(figure, left + column * (wide + GAP), tops[row], wide, high)
            stored = compared[probe] if compared[probe].any() else None
            if kind and not states[probe].any():
                _draw_nothing(axes)
            else:
                _draw_state(axes, states[probe], shape, stored)
            axes.set_xlabel(captions[probe], fontsize=7.5, color=FAINT, labelpad=3, linespacing=1.1)
            heads = (f"probe {probe}", name) if shape else (name, f"probe {probe}")
            if row == 0:
                axes.set_title(heads[0].replace("\n", " "), fontsize=9, color=TEXT, pad=4)
            if column == 0:
                axes.set_ylabel(
                    heads[1], fontsize=9, color=TEXT, rotation=0, ha="right", va="center"
                )
    erased = bool((result.probes[shown] == 0.0).any())
    _draw_key(figure, left, bottom, shape is not None, erased, _word(result))
    if result.trace is not None:
        _draw_trace(figure, result, result.trace, shown, bottom + legend)
    return figure


def plot_trace(
    result: RecallResult, *, probes: Sequence[int] | None = None, max_probes: int | None = None
) -> Figure:
    """Draws how overlap and energy went, sweep by sweep, on average over the trajectories.

    The overlap is the one with the target, where that is known and stored; and with the stored
    pattern that is nearest to the recalled state where no targets are known.

    Args:
        result: what ``recall`` gave, with a trace.
        probes: indices of the probes to draw; None takes all, or the first ``max_probes``.
        max_probes: the most probes to draw where ``probes`` is None, >= 1; None draws all.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: the result has no trace, or an argument does not fit it.
    """
    _check_result(result)
    if result.trace is None:
        raise ValueError(
            f"{result.method} run on {result.run_on} has no trace: the states between sweeps were "
            "not seen."
        )
    most = result.num_probes if max_probes is None else max_probes
    shown = _check_shown(result, probes, most)
    figure = _figure(7.0, TRACE_HEIGHT + MARGIN)
    figure.set_label(f"Mean overlap and energy by sweep of {len(shown)} probes.")
    _draw_trace(figure, result, result.trace, shown, 0.0)
    return figure


# Checks.


def _check_result(result: Any) -> None:
    if not isinstance(result, RecallResult):
        raise TypeError(f"result must be a RecallResult, got {type(result).__name__}.")


def _check_shape(shape: Any, num_neurons: int) -> tuple[int, int] | None:
    """Rows and columns of a picture, a square where none are given; None where N is none."""
    if shape is None:
        side = math.isqrt(num_neurons)
        return (side, side) if side > 1 and side**2 == num_neurons else None
    if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 2:
        raise TypeError(f"shape must be (rows, columns), got {shape!r}.")
    rows, columns = (check_count(side, "shape", minimum=1) for side in shape)
    if rows * columns != num_neurons:
        raise ValueError(
            f"shape must be (rows, columns) of {num_neurons} neurons, got {(rows, columns)}."
        )
    return rows, columns


def _check_names(names: Any, name: str, expected: int, prefix: str) -> Sequence[str]:
    if names is None:
        return [f"{prefix}{index}" for index in range(expected)]
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"{name} must be a list of texts, got {names!r}.")
    if len(names) != expected:
        raise ValueError(f"{name} must be one a pattern, {expected}; got {len(names)}.")
    return [str(entry) for entry in names]


def _check_shown(result: RecallResult, probes: Any, max_probes: Any) -> list[int]:
    if probes is None:
        most = check_count(max_probes, "max_probes", minimum=1)
        return list(range(min(most, result.num_probes)))
    last = result.num_probes - 1
    shown = [check_count(probe, "probes", maximum=last) for probe in probes]
    if not shown:
        raise ValueError("probes must name at least one probe, got none.")
    return shown


# Words.


def _heading(result: RecallResult, shown: list[int], width: float) -> tuple[str, str]:
    method, model = result.method.split("(")[0], result.model.split("(")[0]
    title = f"Recall by {method} from {model}"
    ran = "exact distribution"
    if result.shots:
        ran = f"{result.shots:,} shots a probe, shares with 95 % intervals"
    seed = "" if result.seed is None else f", seed {result.seed}"
    part = f"{len(shown)} of {result.num_probes} probes, "
    if result.correct is not None:
        part = "" if len(shown) == result.num_probes else part
        part += f"{int(result.correct.sum())} of {result.num_probes} recalled exactly, "
    told = len(shown) < result.num_probes or result.correct is not None
    subtitle = f"{part if told else ''}{ran}, {result.run_on}{seed}"
    # A letter is half as wide as high, about: 72 points an inch, 12 and 7.5 points a line.
    room = width - 2 * MARGIN
    lines = [subtitle, result.method, result.model]
    wrapped = [part for line in lines for part in textwrap.wrap(line, int(room * 18)) or [""]]
    return textwrap.fill(title, int(room * 11)), "\n".join(wrapped)


def _panels(
    result: RecallResult, names: Sequence[str]
) -> list[tuple[str, NDArray[Any], list[str]]]:
    """What is drawn of every probe: a name, one state a probe, one caption a probe."""
    compared, indices = result.compared_with()
    known = result.targets is not None
    near = "" if known else "\nwith nearest"
    shares = [_share(result, probe) for probe in range(result.num_probes)]
    panels: list[tuple[str, NDArray[Any], list[str]]] = [
        ("probe", result.probes, _overlap_captions(result.probes, compared, near)),
        (
            "recalled",
            result.states,
            [
                "\n".join(filter(None, lines))
                for lines in zip(
                    shares,
                    _overlap_captions(result.states, compared, near),
                    _elsewhere(result, names),
                    strict=True,
                )
            ],
        ),
    ]
    if result.classical_states is not None:
        captions = _overlap_captions(result.classical_states, compared, near)
        panels.append(("classical\ndynamics", result.classical_states, captions))
    if known or len(names):
        captions = [
            names[index] if index >= 0 else ("not stored" if row.any() else "")
            for index, row in zip(indices.tolist(), compared, strict=True)
        ]
        panels.append(("target" if known else "nearest\nstored", compared, captions))
    return panels


def _elsewhere(result: RecallResult, names: Sequence[str]) -> list[str]:
    """What each recalled state is nearest to, where that is not its target."""
    targets = result.target_patterns
    if targets is None:
        return [""] * result.num_probes
    return [
        f"nearest: {names[near]}" if near not in (-1, target) else ""
        for near, target in zip(result.nearest_patterns.tolist(), targets.tolist(), strict=True)
    ]


def _word(result: RecallResult) -> str | None:
    """What states are compared with, or None where there is nothing."""
    if result.targets is not None:
        return "target"
    return "nearest stored pattern" if len(result.patterns) else None


def _overlap_captions(
    states: NDArray[Any], compared: NDArray[np.int8], near: str = ""
) -> list[str]:
    """The overlap of each state with its own pattern; nothing where there is none."""
    values = (states * compared.astype(np.float64)).mean(axis=1)
    return [
        f"overlap {value:.2f}".replace("-", "\N{MINUS SIGN}") + near
        if pattern.any() and state.any()
        else ""
        for value, pattern, state in zip(values, compared, states, strict=True)
    ]


def _share(result: RecallResult, probe: int) -> str:
    """The share of the most probable state, and how much was accepted if that is not all."""
    if not result.recalled[probe]:
        return "nothing accepted"
    share, accepted = float(result.probabilities[probe]), float(result.accepted[probe])
    if result.exact:
        return f"p = {share:.4f}" + (f"\naccepted {accepted:.3g}" if accepted < 1 - 1e-9 else "")
    low, high = 100.0 * result.probability_intervals[probe]
    text = f"{100.0 * share:.1f} % ({low:.1f}\N{EN DASH}{high:.1f})"
    return text + (f"\n{accepted:,.0f} accepted" if accepted < result.shots else "")


def _describe(result: RecallResult, shown: list[int], names: Sequence[str]) -> str:
    words = []
    compared, indices = result.compared_with()
    elsewhere = _elsewhere(result, names)
    for probe in shown:
        if not result.recalled[probe]:
            words.append(f"probe {probe}: nothing accepted")
            continue
        overlap = float((result.states[probe] * compared[probe].astype(float)).mean())
        name = names[indices[probe]] if indices[probe] >= 0 else "not stored"
        what = "the target" if result.targets is not None else "the nearest stored pattern"
        with_what = f", overlap {overlap:.2f} with {what}, {name}" if compared[probe].any() else ""
        other = f" ({elsewhere[probe]})" if elsewhere[probe] else ""
        share = f"{result.probabilities[probe]:.1%}"
        words.append(f"probe {probe}: most probable state {share}{with_what}{other}")
    return f"Recall by {result.method.split('(')[0]}. " + "; ".join(words) + "."


# Drawing. Everything is placed in inches, from the top left, so that all cells have one size.


def _figure(width: float, height: float) -> Figure:
    from .figures import new_figure

    return new_figure(width, height)


def _axes(figure: Figure, left: float, top: float, wide: float, high: float) -> Axes:
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, 1.0 - (top + high) / height, wide / width, high / height))


def _write(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    width, height = figure.get_size_inches()
    figure.text(left / width, 1.0 - top / height, text, va="top", ha="left", **style)


def _cell(shape: tuple[int, int] | None, num_neurons: int) -> tuple[float, float]:
    """Width and height of one state."""
    if shape is None:
        return min(max(1.4, 0.07 * num_neurons), 3.0), BAR_HEIGHT
    rows, columns = shape
    # Pixels are square; the captions below need some width, and a column some end.
    size = PICTURE * (1.6 if max(shape) > FINE else 1.0)
    wide = size * max(1.0, min(columns / rows, 2.5))
    return wide, min(wide * rows / columns, 2.5 * size)


def _draw_state(
    axes: Axes,
    state: NDArray[Any],
    shape: tuple[int, int] | None,
    stored: NDArray[np.int8] | None = None,
) -> None:
    """Draws one state; entries against ``stored`` are framed."""
    wrong = np.zeros(len(state), bool) if stored is None else state * stored < 0
    if shape is None:
        _draw_bars(axes, state, wrong)
    else:
        _draw_picture(axes, state.reshape(shape), wrong.reshape(shape))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=EDGE, linewidth=0.7)


def _draw_picture(axes: Axes, picture: NDArray[Any], wrong: NDArray[np.bool_]) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    colours = LinearSegmentedColormap.from_list("ink", [PAPER, ERASED, INK])
    side = max(picture.shape)
    mesh = axes.pcolormesh(picture, cmap=colours, vmin=-1, vmax=1)
    if side <= FINE:
        mesh.set(edgecolor="white", linewidth=min(0.6, 5.0 / side))
    for row, column in np.argwhere(wrong):
        frame = Rectangle((column + 0.1, row + 0.1), 0.8, 0.8, fill=False)
        frame.set(edgecolor=WRONG, linewidth=min(1.8, 11.0 / side))
        if side > FINE:  # a frame would hide what it is about
            frame.set(fill=True, facecolor=WRONG, edgecolor="none", alpha=0.6)
        axes.add_patch(frame)
    axes.set_aspect("equal")
    axes.invert_yaxis()


def _draw_bars(axes: Axes, state: NDArray[Any], wrong: NDArray[np.bool_]) -> None:
    values = state.astype(float)
    erased = values == 0.0
    colours = np.where(erased, ERASED, np.where(values > 0, INK, MINUS))
    axes.bar(
        np.arange(len(values)),
        np.where(erased, 0.3, values),
        bottom=np.where(erased, -0.15, 0.0),
        width=0.8,
        color=list(colours),
        edgecolor=[WRONG if is_wrong else "none" for is_wrong in wrong],
        linewidth=1.2,
    )
    axes.axhline(0.0, color=EDGE, linewidth=0.5, zorder=0)
    axes.set(xlim=(-0.9, len(values) - 0.1), ylim=(-1.25, 1.25))


def _draw_nothing(axes: Axes) -> None:
    """An empty frame as large as a state."""
    axes.text(0.5, 0.5, "none", ha="center", va="center", fontsize=8, color=FAINT)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=EDGE, linewidth=0.7, linestyle=(0, (3, 3)))


def _draw_key(
    figure: Figure, left: float, top: float, pictures: bool, erased: bool, compared: str | None
) -> None:
    from matplotlib.patches import Patch

    keys = [
        Patch(facecolor=INK, label="+1"),
        Patch(
            facecolor=PAPER if pictures else MINUS,
            edgecolor=EDGE if pictures else "none",
            linewidth=0.7,
            label="\N{MINUS SIGN}1",
        ),
    ]
    if erased:
        keys.append(Patch(facecolor=ERASED, label="erased"))
    if compared is not None:
        label = f"unlike the {compared}"
        keys.append(Patch(fill=False, edgecolor=WRONG, linewidth=1.4, label=label))
    width, height = figure.get_size_inches()
    figure.legend(
        handles=keys,
        loc="upper left",
        bbox_to_anchor=(left / width, 1.0 - top / height),
        borderaxespad=0.0,
        borderpad=0.0,
        ncols=len(keys),
        frameon=False,
        fontsize=7.5,
        labelcolor=FAINT,
        handlelength=1.0,
        handleheight=1.0,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def _draw_trace(
    figure: Figure, result: RecallResult, trace: Trace, shown: list[int], top: float
) -> None:
    """Draws the panels of a trace across the figure, below ``top``."""
    _, indices = result.compared_with()
    curves = [("Energy", "mean energy", trace.energies[:, shown])]
    if (indices[shown] >= 0).any() or (result.targets is None and len(result.patterns)):
        overlaps = [
            trace.overlaps[:, probe, indices[probe]]
            if indices[probe] >= 0
            else np.full(len(trace.energies), math.nan)
            for probe in shown
        ]
        name = f"Overlap with the {_word(result)}"
        curves.insert(0, (name, "mean overlap", np.stack(overlaps, axis=1)))
    width = figure.get_size_inches()[0]
    left, between, right = MARGIN + 0.75, 0.85, 1.1
    wide = (min(width, 11.0) - left - right - between * (len(curves) - 1)) / len(curves)
    high = TRACE_HEIGHT - 0.95
    for index, (title, label, values) in enumerate(curves):
        axes = _axes(figure, left + index * (wide + between), top + 0.45, wide, high)
        _draw_lines(axes, values, shown)
        axes.set_title(title, fontsize=9, color=TEXT, loc="left")
        axes.set_ylabel(label, fontsize=8, color=FAINT)
        axes.set_xlabel("sweeps", fontsize=8, color=FAINT)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.0 + 0.1 / wide, 1.03),
        borderaxespad=0.0,
        frameon=False,
        fontsize=7.5,
        labelcolor=FAINT,
        labelspacing=0.35,
    )


def _draw_lines(axes: Axes, values: NDArray[np.float64], shown: list[int]) -> None:
    """Draws one line a probe, (sweeps + 1, probes)."""
    from matplotlib.ticker import MaxNLocator

    sweeps = np.arange(len(values))
    if len(shown) > MOST_LINES:
        axes.plot(sweeps, values, color=EDGE, linewidth=0.7)
        axes.lines[0].set_label("a probe")
        seen = values[:, ~np.isnan(values).any(axis=0)]
        if seen.shape[1]:
            axes.plot(sweeps, seen.mean(axis=1), color=LINES[0], linewidth=2.2, label="their mean")
    else:
        for index, (probe, line) in enumerate(zip(shown, values.T, strict=True)):
            axes.plot(
                sweeps,
                line,
                color=LINES[index % len(LINES)],
                marker=MARKERS[index % len(MARKERS)],
                linestyle="-" if index < len(LINES) else "--",
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                linewidth=1.4,
                label=f"probe {probe}",
                clip_on=False,
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=8, colors=FAINT, length=3)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(EDGE)
