"""Figures that pyplot knows where a program uses it, and that need no pyplot where it does not."""

from __future__ import annotations

import io
import sys
import threading
import weakref
from typing import Any

import matplotlib
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as PlainFigure

MOST_OPEN = 10
"""How many figures of this package pyplot holds at most; a new one closes the oldest.

Half of what pyplot warns at, so that a program has the other half for its own."""

_OPEN: list[weakref.ref[Figure]] = []


class Figure(PlainFigure):
    """A figure with an alternative text, its label, that notebooks show once.

    It can be saved, sent and drawn into like any other. :meth:`show` opens a window, in a program
    that imported pyplot too late for ``pyplot.show()``, too.
    """

    def show(self, warn: bool = True) -> None:
        """Shows the figure in a window, see :meth:`matplotlib.figure.Figure.show`."""
        if self.canvas.manager is None:
            import matplotlib.pyplot as plt

            plt.figure(self)
        super().show(warn)

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        """A picture for notebooks, with its alternative text."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue(), {"alt": str(self.get_label())}

    def _ipython_display_(self) -> None:
        """Shows the figure below a notebook's cell, unless it has a window or widget of its own."""
        from IPython.display import display

        data: dict[str, Any] = {"text/plain": str(self.get_label()) or repr(self)}
        metadata: dict[str, Any] = {}
        if type(self.canvas) in (FigureCanvasBase, FigureCanvasAgg):
            data["image/png"], metadata["image/png"] = self._repr_png_()
            if self.canvas.manager is not None and "inline" in matplotlib.get_backend():
                # Or it would be shown again when the cell ends.
                sys.modules["matplotlib.pyplot"].close(self)
        display(data, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        # A figure that comes from elsewhere does not open a window.
        state.pop("_restore_to_pylab", None)
        return dict(state)


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure, which pyplot knows where a program has imported it.

    Args:
        width: inches.
        height: inches.
        options: of :class:`matplotlib.figure.Figure`.
    """
    options = {"figsize": (width, height), "facecolor": "white", **options}
    plt = sys.modules.get("matplotlib.pyplot")
    # Windows belong to the main thread.
    if plt is None or threading.current_thread() is not threading.main_thread():
        return Figure(**options)
    opened: list[Figure] = []
    for figure in (each() for each in _OPEN):
        if figure is not None and figure.canvas.manager is not None:
            if plt.fignum_exists(figure.canvas.manager.num):
                opened.append(figure)
    while len(opened) >= MOST_OPEN:
        plt.close(opened.pop(0))
    with plt.rc_context({"figure.max_open_warning": 0}):
        made: Figure = plt.figure(FigureClass=Figure, **options)
    _OPEN[:] = [weakref.ref(each) for each in (*opened, made)]
    return made
