"""The example scripts run, made small where they are long."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path

import pytest

from qhopfield.hybrid import training

FOLDER = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
SMALL = {"train_examples": 64, "validation_examples": 16, "test_examples": 16, "distance": 2}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_runs(script, monkeypatch, capsys):
    whole = training.train

    def short(task, memory, **options):
        names = {field.name for field in dataclasses.fields(task)}
        less = {name: value for name, value in SMALL.items() if name in names}
        options["progress"] = False
        return whole(dataclasses.replace(task, **less), memory, epochs=1, **options)

    monkeypatch.setattr(training, "train", short)
    runpy.run_path(str(script), run_name="__main__")
    assert "0." in capsys.readouterr().out  # an accuracy
