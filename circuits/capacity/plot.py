"""The figure: errors with their intervals against load or corruption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_choice, check_listed, shown
from ..plotting import EDGE, FAINT, LINES, MARKERS, TEXT, _figure
from .result import MEASURES, CapacityResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = {"load": "load M / N", "patterns": "patterns M", "corruption": "flipped bits"}
STYLES = ("-", "--", ":", "-.")


def plot_capacity(
    results: CapacityResult | Sequence[CapacityResult],
    labels: Sequence[str] | None = None,
    *,
    measure: str = "message",
    against: str | None = None,
) -> Figure:
    """Draws error rates with their 95 % intervals, one line a corruption (or a load).

    Several results are laid over each other, a colour each; of one result every line has a colour.

    Args:
        results: one result or several.
        labels: one a result, for the legend; None takes model and method.
        measure: ``"bit"``, ``"message"`` or ``"set"``.
        against: ``"load"``, ``"patterns"`` or ``"corruption"``; None takes the load where a result
            has several, and the corruption otherwise. Patterns are drawn to a logarithmic scale
            where they span a factor of 30.

    Raises:
        TypeError: ``results`` or ``labels`` has a wrong type.
        ValueError: no result, another measure or axis, or labels that are not one a result.
    """
    from matplotlib.ticker import MaxNLocator

    several = [results] if isinstance(results, CapacityResult) else _several(results)
    if not several or not all(isinstance(each, CapacityResult) for each in several):
        raise TypeError(f"results must be CapacityResults, at least one; got {shown(results)}.")
    check_choice(measure, "measure", MEASURES)
    if against is None:
        against = "load" if any(len(each.patterns) > 1 for each in several) else "corruption"
    check_choice(against, "against", AXES)
    if labels is None:
        names = [f"{each.settings.model}, {each.settings.method}" for each in several]
    else:
        names = [str(label) for label in check_listed(labels, "labels", "a list of texts")]
    if len(names) != len(several):
        raise ValueError(f"labels must be one a result, {len(several)}; got {len(names)}.")
    figure = _figure(7.6, 4.4)
    axes = figure.add_axes((0.09, 0.13, 0.56, 0.72))
    lines = {value for each in several for value in _lines(each, against)}
    order, words = sorted(lines), []
    for index, (result, name) in enumerate(zip(several, names, strict=True)):
        x, table = _grid(result, against, measure)
        for place, value in enumerate(_lines(result, against)):
            line = order.index(value)
            colour = LINES[(line if len(several) == 1 else index) % len(LINES)]
            what = _line_name(value, against)
            entry = what if len(several) == 1 else name if len(order) == 1 else f"{name}, {what}"
            style = STYLES[(0 if len(several) == 1 else line) % len(STYLES)]
            marker = MARKERS[(line if len(order) > 1 else index) % len(MARKERS)]
            _draw(axes, x, table[:, place], colour, style, marker, textwrap.fill(entry, 34))
            span = f"{table[0, place, 0]:.3g} to {table[-1, place, 0]:.3g}"
            words.append(f"{name}, {what}: {span} from {x[0]:.3g} to {x[-1]:.3g}")
    if against == "patterns" and _wide(several):
        axes.set_xscale("log")
    if against == "corruption":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    step = {each.settings.update for each in several} == {"one step"}
    axes.set_xlabel(AXES[against], fontsize=9, color=FAINT)
    axes.set_ylabel(f"{measure} error rate", fontsize=9, color=FAINT)
    axes.set_ylim(bottom=0.0)
    if measure != "bit":
        axes.set_ylim(top=1.0)
    axes.tick_params(labelsize=8, colors=FAINT, length=3)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(EDGE)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.03, 1.02),
        borderaxespad=0.0,
        frameon=False,
        fontsize=8,
        labelcolor=TEXT,
        labelspacing=0.6,
        title=None if len(several) > 1 else textwrap.fill(names[0], 34),
        title_fontsize=8,
        alignment="left",
    )
    title = f"{measure.capitalize()} error" + (" after one synchronous update" if step else "")
    figure.text(0.09, 0.94, title, fontsize=12, color=TEXT)
    figure.text(0.09, 0.89, _subtitle(several), fontsize=8, color=FAINT)
    figure.set_label(f"{title} against {AXES[against]}. {'; '.join(words)}.")
    return figure


def _lines(result: CapacityResult, against: str) -> list[float]:
    """What tells the lines of a result apart."""
    values = result.patterns if against == "corruption" else result.corruptions
    return [float(value) for value in values]


def _line_name(value: float, against: str) -> str:
    count = int(value)
    noun = "pattern" if against == "corruption" else "flip"
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _grid(
    result: CapacityResult, against: str, measure: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (X,) and errors (X, lines, 3)."""
    table = result.errors(measure)
    if against == "corruption":
        return result.corruptions.astype(np.float64), np.swapaxes(table, 0, 1)
    return result.loads if against == "load" else result.patterns.astype(np.float64), table


def _draw(
    axes: Axes,
    x: NDArray[np.float64],
    errors: NDArray[np.float64],
    colour: str,
    style: str,
    marker: str,
    label: str,
) -> None:
    there = ~np.isnan(errors[:, 0])
    x, errors = x[there], errors[there]
    rate, low, high = errors.T
    axes.errorbar(
        x,
        rate,
        yerr=np.stack([rate - low, high - rate]),
        color=colour,
        linestyle=style,
        linewidth=1.4,
        marker=marker,
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        elinewidth=0.9,
        capsize=2.5,
        label=label,
        clip_on=False,
    )


def _wide(results: Sequence[CapacityResult]) -> bool:
    counts = np.concatenate([each.patterns for each in results])
    return bool(counts.max() >= 30 * counts.min())


def _several(results: Any) -> list[Any]:
    return check_listed(results, "results", "CapacityResults, at least one")


def _subtitle(results: Sequence[CapacityResult]) -> str:
    neurons = sorted({each.settings.num_neurons for each in results})
    trials = sorted({each.settings.trials for each in results})
    return (
        f"N = {', '.join(map(str, neurons))}; {', '.join(f'{count:,}' for count in trials)} sets "
        "of random patterns a point, 95 % intervals"
    )
