from __future__ import annotations

import itertools
import math
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from qhopfield.circuits.methods import Samples, Trace
from qhopfield.circuits.models import Hopfield
from qhopfield.circuits.patterns import corrupt, load_set, random_patterns
from qhopfield.circuits.plotting import (
    ERASED,
    INK,
    LINES,
    MARKERS,
    MOST_LINES,
    PAPER,
    WRONG,
    plot_patterns,
    plot_recall,
    plot_trace,
)
from qhopfield.circuits.result import RecallResult

DIGITS = load_set("digits").one_per_label()


def make(patterns, probes, *, states=None, trace=True, shots=20, model=None, classical=True):
    """A result in which every shot recalls ``states`` (the probes' own patterns)."""
    model = Hopfield.store(patterns) if model is None else model
    total = len(probes)
    states = np.resize(patterns, probes.shape) if states is None else states
    stored = 0 if model.patterns is None else len(model.patterns)
    rng = np.random.default_rng(0)
    samples = Samples(
        outcomes=tuple(states[i : i + 1] for i in range(total)),
        weights=tuple(np.array([float(shots or 1)]) for _ in range(total)),
        shots=shots,
        acceptance=np.ones(total),
        attempts=np.full(total, 2.0),
        folded=np.zeros(total),
        trace=Trace(rng.uniform(-1, 1, (4, total, stored)), rng.normal(size=(4, total)))
        if trace
        else None,
    )
    return RecallResult.from_samples(
        samples,
        model=model,
        method="NeuronDynamics(neuron=RUSNeuron(level=2), sweeps=3, order='random')",
        probes=probes,
        run_on="aer statevector",
        seed=1,
        classical=model.recall(probes, seed=1) if classical else None,
    )


def digits_result(count=3, **options):
    probes = corrupt(DIGITS.patterns[:count], flips=5, erase=7, seed=1).astype(float)
    return make(DIGITS.patterns[:count], probes, **options)


def pictures(figure):
    return [axes for axes in figure.axes if axes.collections and not axes.lines]


def values(axes):
    return np.asarray(axes.collections[0].get_array()).reshape(8, 8)


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def assert_tidy(figure):
    """Nothing leaves the figure, no text lies over another text or in a picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axises = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {text for axis in axises for text in axis.findobj(Text) if text is not axis.label}
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_text().strip() and text not in ticks
    ]
    extents = [(str(axes), axes.get_tightbbox(renderer)) for axes in figure.axes]
    for name, box in boxes + extents:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, name
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, name
    for (name, box), (other, second) in itertools.combinations(boxes, 2):
        assert not box.padded(-1).overlaps(second.padded(-1)), (name, other)
    for axes, (name, box) in itertools.product(figure.axes, boxes):
        inside = axes.get_window_extent(renderer).padded(-1)
        assert name == "none" or not inside.overlaps(box.padded(-1)), name


def test_patterns_are_drawn_as_they_are():
    figure = plot_patterns(DIGITS)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 10
    for axes, pattern, label in zip(figure.axes, DIGITS.patterns, DIGITS.labels, strict=True):
        np.testing.assert_array_equal(values(axes), pattern.reshape(8, 8))
        assert axes.get_title() == label
        assert axes.yaxis_inverted()
    assert_tidy(figure)


def test_colours_of_ink_paper_and_erased():
    mesh = plot_patterns([1, 0, -1, 1]).axes[0].collections[0]
    assert [to_hex(mesh.cmap(mesh.norm(value))) for value in (1.0, -1.0)] == [INK, PAPER]
    erased = np.array(to_rgb(to_hex(mesh.cmap(mesh.norm(0.0)))))
    assert np.abs(erased - to_rgb(ERASED)).max() < 0.01
    # Told apart without colour: luminance steps.
    light = [np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in (INK, ERASED, PAPER)]
    assert np.diff(light).min() > 0.25


@pytest.mark.parametrize(
    ("patterns", "shape", "options"),
    [
        (random_patterns(7, 12, seed=1), (3, 4), {}),
        (random_patterns(7, 12, seed=1), None, {"columns": 2}),
        (random_patterns(2, 1, seed=1), None, {}),
        (random_patterns(1, 6, seed=1)[0], (1, 6), {}),
        (random_patterns(3, 6, seed=1), (6, 1), {}),
        (random_patterns(2, 1600, seed=1), None, {}),
        ([0.25, -0.5, 0.0], None, {}),
        (random_patterns(12, 9, seed=1), None, {"titles": [f"title {i}" for i in range(12)]}),
    ],
)
def test_patterns_of_all_shapes(patterns, shape, options):
    figure = plot_patterns(patterns, shape, **options)
    assert len(figure.axes) == len(np.atleast_2d(patterns))
    sizes = {tuple(np.round(axes.get_position().size, 9)) for axes in figure.axes}
    assert len(sizes) == 1
    assert_tidy(figure)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, 2],), ValueError, "between -1 and 1"),
        (([],), ValueError, "must not be empty"),
        ((5,), ValueError, "shape"),
        (("abc",), TypeError, "real numbers"),
        (([1, -1, 1, 1], (3, 3)), ValueError, r"\(rows, columns\) of 4 neurons, got \(3, 3\)"),
        (([1, -1, 1, 1], 4), TypeError, r"shape must be \(rows, columns\)"),
        (([1, -1, 1, 1], "22"), TypeError, r"shape must be"),
        (([1, -1, 1, 1], (2, 2, 1)), TypeError, "shape must be"),
        (([1, -1, 1, 1], (0, 4)), ValueError, "shape must be >= 1"),
        (([1, -1, 1, 1], (2, 2), ["a", "b"]), ValueError, "titles must be one a pattern, 1; got 2"),
        (([1, -1, 1, 1], (2, 2), "a"), TypeError, "titles must be a list"),
    ],
)
def test_patterns_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        plot_patterns(*arguments)


def test_columns_are_counted():
    with pytest.raises(ValueError, match="columns must be >= 1"):
        plot_patterns([1, -1], columns=0)


def test_recall_shows_probe_recalled_classical_and_stored():
    result = digits_result()
    figure = result.plot(labels=DIGITS.labels[:3])
    drawn = pictures(figure)
    assert len(drawn) == 4 * 3
    expected = (result.probes, result.states, result.classical_states, DIGITS.patterns[:3])
    for kind, rows in enumerate(expected):
        for probe in range(3):
            axes = drawn[3 * kind + probe]
            np.testing.assert_array_equal(values(axes), rows[probe].reshape(8, 8))
            wrong = int((rows[probe] * DIGITS.patterns[probe] < 0).sum())
            assert len(axes.patches) == wrong
    assert len(drawn[0].patches) == 5
    assert to_hex(drawn[0].patches[0].get_edgecolor()) == WRONG
    words = texts(figure)
    for word in ("Recall by NeuronDynamics from Hopfield", "probe 2", "recalled", "classical"):
        assert word in words
    for word in ("100.0 % (83.9", "overlap 1.00", "20 shots a probe", "seed 1", "erased"):
        assert word in words
    label = figure.get_label()
    assert "probe 1: most probable state 100.0%, overlap 1.00 with the nearest stored" in label
    assert_tidy(figure)


@pytest.mark.parametrize(("count", "trace"), [(1, False), (1, True), (2, False), (10, True)])
def test_recall_is_tidy_at_any_number_of_probes(count, trace):
    figure = digits_result(count, trace=trace).plot()
    assert len(pictures(figure)) == 4 * count
    assert_tidy(figure)
    cells = {tuple(np.round(axes.get_position().size, 9)) for axes in pictures(figure)}
    assert len(cells) == 1


@pytest.mark.parametrize("shape", [None, (1, 7), (7, 1)])
def test_recall_without_squares(shape):
    patterns = random_patterns(2, 7, seed=1)
    result = make(patterns, corrupt(patterns, erase=2, seed=1).astype(float))
    figure = plot_recall(result, shape)
    assert len(figure.axes) == 4 * 2 + 2
    assert_tidy(figure)


def test_bars_stand_for_spins():
    patterns = np.array([[1, -1, 1, 1, -1]])
    result = make(patterns, np.array([[1.0, 1.0, 0.0, 0.5, -1.0]]), trace=False)
    bars = result.plot().axes[0].patches
    ends = [(round(bar.get_y(), 3), round(bar.get_height(), 3)) for bar in bars]
    assert ends == [(0, 1), (0, 1), (-0.15, 0.3), (0, 0.5), (0, -1)]
    assert to_hex(bars[2].get_facecolor()) == ERASED
    assert [to_hex(bar.get_edgecolor()) == WRONG for bar in bars] == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_probe_of_which_nothing_was_accepted():
    full = digits_result()
    for shots in (20, 0):
        came = (20.0, 0.0, 5.0) if shots else (1.0, 0.0, 1.0)
        result = replace(
            full,
            shots=shots,
            weights=tuple(np.array([weight]) for weight in came),
            accepted=np.array([20.0, 0.0, 5.0]) if shots else np.array([1.0, 0.0, 0.25]),
        )
        figure = result.plot()
        words = texts(figure)
        assert "nothing accepted" in words
        assert ("5 accepted" if shots else "accepted 0.25") in words
        assert len(pictures(figure)) == 4 * 3 - 2
        assert_tidy(figure)
        assert "probe 1: nothing accepted" in figure.get_label()
        plot_trace(result)


def test_model_without_patterns():
    model = Hopfield(Hopfield.store(DIGITS.patterns[:2]).weights)
    result = make(DIGITS.patterns[:2], DIGITS.patterns[:2].astype(float), model=model)
    figure = result.plot()
    assert len(pictures(figure)) == 3 * 2
    assert "overlap" not in texts(figure)
    assert_tidy(figure)
    assert len(plot_trace(result).axes) == 1


def test_choice_of_probes():
    result = digits_result(10)
    assert len(pictures(result.plot(max_probes=4))) == 4 * 4
    figure = result.plot(probes=[7, 2])
    np.testing.assert_array_equal(values(pictures(figure)[0]), result.probes[7].reshape(8, 8))
    assert "2 of 10 probes" in texts(figure)
    assert "10 of 10" not in texts(result.plot())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shape": (4, 4)}, ValueError, "of 64 neurons, got"),
        ({"probes": []}, ValueError, "at least one probe"),
        ({"probes": [3]}, ValueError, "probes must be between 0 and 2, got 3"),
        ({"probes": [0.0]}, TypeError, "probes must be an integer"),
        ({"max_probes": 0}, ValueError, "max_probes must be >= 1"),
        ({"labels": ["a"]}, ValueError, "labels must be one a pattern, 3; got 1"),
        ({"labels": 3}, TypeError, "labels must be a list"),
    ],
)
def test_recall_refuses(options, error, message):
    with pytest.raises(error, match=message):
        digits_result().plot(**options)


def test_only_results_are_plotted():
    for function in (plot_recall, plot_trace):
        with pytest.raises(TypeError, match="must be a RecallResult, got dict"):
            function({})


def test_trace_lines():
    result = digits_result()
    figure = plot_trace(result)
    overlap, energy = figure.axes
    for probe in range(3):
        np.testing.assert_array_equal(
            overlap.lines[probe].get_ydata(), result.trace.overlaps[:, probe, probe]
        )
        np.testing.assert_array_equal(
            energy.lines[probe].get_ydata(), result.trace.energies[:, probe]
        )
    assert_tidy(figure)
    looks = {(i % len(LINES), i % len(MARKERS), i < len(LINES)) for i in range(MOST_LINES)}
    assert len(looks) == MOST_LINES


def test_trace_of_many_probes_shows_their_mean():
    patterns = DIGITS.patterns[:3]
    probes = np.resize(patterns, (30, 64)).astype(float)
    result = make(patterns, probes)
    overlap, energy = plot_trace(result).axes
    assert len(overlap.lines) == len(energy.lines) == 31
    np.testing.assert_allclose(
        energy.lines[-1].get_ydata(), result.trace.energies.mean(axis=1), rtol=1e-12
    )
    assert len(plot_trace(result, max_probes=2).axes[0].lines) == 2
    assert len(plot_trace(result, probes=[5]).axes[0].lines) == 1
    nothing = replace(
        result,
        outcomes=tuple(states[:0] for states in result.outcomes),
        weights=tuple(weights[:0] for weights in result.weights),
        accepted=np.zeros(30),
        energies=np.full(30, math.nan),
    )
    assert len(plot_trace(nothing).axes[0].lines) == 30


def test_no_trace_no_figure():
    with pytest.raises(ValueError, match="has no trace"):
        plot_trace(digits_result(trace=False))


def test_figures_show_in_notebooks_and_pickle():
    figure = digits_result(1).plot()
    picture, metadata = figure._repr_png_()
    assert picture.startswith(b"\x89PNG")
    assert metadata["alt"].startswith("Recall by NeuronDynamics.")
    assert pickle.loads(pickle.dumps(figure)).get_label() == figure.get_label()


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, qhopfield.circuits.plotting; "
        "assert not {'matplotlib', 'pandas'} & set(sys.modules), 'imported'; "
        "qhopfield.circuits.plotting.plot_patterns([1, -1]); "
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
