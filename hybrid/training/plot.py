"""The picture of a training run."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ...circuits.plotting import EDGE, FAINT, LINES, MARKERS, TEXT, _figure
from .result import TrainingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_training(result: TrainingResult) -> Figure:
    """Draws the accuracy epoch by epoch, and beside it each path with its interval.

    Args:
        result: a training run.

    Returns:
        A figure whose label says in words what it shows.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(8.4, 4.0)
    left = figure.add_axes((0.08, 0.14, 0.50, 0.64))
    right = figure.add_axes((0.67, 0.14, 0.31, 0.64))
    curve = result.curve
    left.plot(
        curve["epoch"],
        curve["validation_accuracy"],
        color=LINES[0],
        marker=MARKERS[0],
        markersize=3.5 if len(curve) <= 60 else 0.0,
        linewidth=1.4,
        clip_on=False,
    )
    left.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    left.set_xlabel("epoch", fontsize=9, color=FAINT)
    left.set_ylabel("accuracy on the validation examples", fontsize=9, color=FAINT)
    words = []
    for place, each in enumerate(result.evaluations):
        low, high = each.interval
        colour = LINES[place % len(LINES)]
        right.errorbar(
            [place],
            [each.accuracy],
            yerr=[[each.accuracy - low], [high - each.accuracy]],
            color=colour,
            marker=MARKERS[place % len(MARKERS)],
            markersize=6,
            capsize=4,
            clip_on=False,
        )
        words.append(str(each))
    names = [
        each.path + ("" if each.shots is None else f"\n{each.shots:,} shots")
        for each in result.evaluations
    ]
    right.set_xticks(range(len(names)), names, fontsize=8)
    right.set_xlim(-0.6, len(names) - 0.4)
    right.set_ylabel("accuracy on the test examples, 95 % interval", fontsize=9, color=FAINT)
    for axes in (left, right):
        _dress(axes)
    title = f"{result.task.name}, memory: {result.memory}"
    figure.text(0.08, 0.93, title, fontsize=12, color=TEXT)
    cost = f"{result.parameters:,} parameters, {result.seconds:.0f} s, seed {result.seed}."
    figure.text(
        0.08,
        0.905,
        textwrap.fill(f"{result.task.describe()} {cost}", 132),
        fontsize=8,
        color=FAINT,
        va="top",
    )
    figure.set_label(
        f"{title}. Accuracy after {len(curve)} epochs: {curve['validation_accuracy'].iloc[-1]:.3f} "
        f"on the validation examples. On the test examples: {'; '.join(words)}."
    )
    return figure


def _dress(axes: Axes) -> None:
    axes.set_ylim(0.0, 1.0)
    axes.tick_params(labelsize=8, colors=FAINT, length=3)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(EDGE)
