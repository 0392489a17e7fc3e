"""Figures with pyplot, without it, and in notebooks."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from qhopfield.circuits import Hopfield, recall

KIND = "a picture that nobody sees"
HIDDEN = "figures of result.plot() were invisible to plt.show()"

NOTEBOOK = """
import contextlib, io, warnings
warnings.simplefilter("ignore")
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

InteractiveShell.enable_gui = lambda self, gui=None: None
shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
published = CapturingDisplayPublisher()
shell.display_pub = published


def pictures(cell):
    published.outputs.clear()
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell(cell).raise_error()
    shown = [each for each in published.outputs if "image/png" in each["data"]]
    return len(shown), [each["metadata"].get("image/png", {}).get("alt") for each in shown]


def check(*expected):
    found = [
        pictures("f = plot_patterns([[1, -1, 1]])\\nf")[0],
        pictures("plot_patterns([[1, -1, 1]])")[0],
        pictures("plot_patterns([[1, -1, 1]])\\n1")[0],
        pictures("plot_patterns([[1, -1, 1]])\\nplot_patterns([[1, 1, 1]])")[0],
        pictures("f = plot_patterns([[1, -1, 1]])\\ndisplay(f)\\n1")[0],
    ]
    assert found == list(expected), (found, expected)


pictures("from qhopfield.circuits.plotting import plot_patterns")
check(1, 1, 0, 1, 1)  # without pyplot a cell shows what it ends with
shown, words = pictures("plot_patterns([[1, -1, 1]])")
assert words == ["1 patterns of 3 neurons: 0."], words
pictures("%matplotlib inline")
pictures("import matplotlib.pyplot as plt")
check(1, 1, 1, 2, 1)
assert pictures("plot_patterns([[1, -1, 1]])\\nplt.show()\\n1")[0] == 1
assert pictures("f.savefig('/dev/null', format='png')")[0] == 0
assert pictures("f")[0] == 1
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def plt():
    import matplotlib

    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")
    matplotlib.use(before)


def plots():
    from qhopfield.circuits.capacity import ModelSpec, capacity
    from qhopfield.circuits.plotting import plot_patterns, plot_trace

    model = Hopfield.store([[1, 1, -1], [1, -1, 1]])
    result = recall(model, [1, 1, 1], shots=5, seed=1)
    measured = capacity(ModelSpec("hopfield"), num_neurons=8, patterns=[1, 2], trials=2, seed=1)
    return {
        "recall": result.plot,
        "trace": lambda: plot_trace(result),
        "patterns": lambda: plot_patterns(model.patterns),
        "capacity": measured.plot,
    }


@pytest.mark.fault(HIDDEN, kind=KIND)
def test_pyplot_knows_every_figure(plt):
    for name, plot in plots().items():
        before = set(plt.get_fignums())
        figure = plot()
        assert set(plt.get_fignums()) - before == {figure.number}, name
        assert plt.figure(figure.number) is figure
        plt.close(figure)
        assert set(plt.get_fignums()) == before


def test_many_figures_neither_warn_nor_stay_open(plt):
    from qhopfield.circuits.figures import MOST_OPEN
    from qhopfield.circuits.plotting import plot_patterns

    figures = [plot_patterns([1, -1]) for _ in range(30)]
    assert plt.get_fignums() == [each.number for each in figures[-MOST_OPEN:]]
    own = [plt.figure() for _ in range(10)]
    figures += [plot_patterns([1, -1]) for _ in range(15)]
    assert len(plt.get_fignums()) == 20
    assert all(plt.fignum_exists(each.number) for each in own)
    plt.close(figures[-2])
    plot_patterns([1, -1])
    figures[0].savefig("/dev/null", format="png")  # a closed one can still be saved


def test_figures_that_travel_open_nothing(plt):
    from qhopfield.circuits.plotting import plot_patterns

    figure = plot_patterns([1, -1])
    before = plt.get_fignums()
    other = pickle.loads(pickle.dumps(figure))
    assert plt.get_fignums() == before
    assert other.get_label() == figure.get_label()
    np.testing.assert_array_equal(other.get_size_inches(), figure.get_size_inches())


def test_without_pyplot_there_is_none():
    run(
        "import sys, threading, matplotlib\n"
        "matplotlib.use('Agg')\n"
        "from qhopfield.circuits.plotting import plot_patterns\n"
        "figure = plot_patterns([1, -1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib.pyplot as plt\n"
        "made = []\n"
        "thread = threading.Thread(target=lambda: made.append(plot_patterns([1, -1])))\n"
        "thread.start(); thread.join()\n"
        "assert plt.get_fignums() == []  # windows belong to the main thread\n"
        "plot_patterns([1, -1])\n"
        "assert len(plt.get_fignums()) == 1\n"
    )


def test_notebooks_show_each_figure_once():
    pytest.importorskip("matplotlib_inline")
    run(NOTEBOOK)
