"""The doctests of ``qhopfield.hybrid``, each module imported by its real name."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import qhopfield.hybrid

MODULES = sorted(
    each.name
    for each in pkgutil.walk_packages(qhopfield.hybrid.__path__, "qhopfield.hybrid.")
    if not each.name.endswith("__main__")
)


def test_every_storey_is_found():
    found = {name.split(".")[2] for name in MODULES}
    assert found >= {"execution", "layers", "programs", "templates"}


@pytest.mark.parametrize("name", ["qhopfield.hybrid", *MODULES])
def test_examples_in_docstrings(name):
    outcome = doctest.testmod(importlib.import_module(name), report=True)
    assert outcome.failed == 0


def test_the_examples_are_run():
    """An empty collection would pass all of the above."""
    layer = importlib.import_module("qhopfield.hybrid.layers.hopfield")
    assert doctest.testmod(layer).attempted >= 4
