"""The committed tutorials: run, small, and free of anything that belongs to one machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
LIMIT = 300_000
"""Bytes a notebook may have, pictures and all."""

FOLDERS = "work|tmp|root|home|Users|private|var|mnt"
MACHINE_PATH = re.compile(rf"(?<![\w.])/({FOLDERS})/|[A-Z]:\\+Users")
"""Folders that only a machine of someone's has; web addresses are not meant."""

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def test_the_tutorials_are_there_and_numbered() -> None:
    names = [path.name for path in NOTEBOOKS]
    assert {"01_first_recall.ipynb", "02_the_quantum_neuron.ipynb"} <= set(names)
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))


@every_notebook
def test_every_code_cell_ran_in_order_and_shows_something(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    silent = [cell["id"] for cell in cells if not cell["outputs"]]
    assert not silent, f"cells without output: {silent}"


@every_notebook
def test_no_cell_failed_or_warned(path: Path) -> None:
    for cell in code_cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", f"{cell['id']}: {output.get('evalue')}"
            assert output.get("name") != "stderr", f"{cell['id']}: {output['text']}"


@every_notebook
def test_it_is_small(path: Path) -> None:
    assert path.stat().st_size < LIMIT


@every_notebook
def test_it_names_no_folder_of_a_machine(path: Path) -> None:
    for cell in read(path)["cells"]:
        # Pictures are base64, in which any letters may turn up.
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
        text = json.dumps(cell).replace("\\n", " ")
        found = MACHINE_PATH.search(text)
        assert found is None, f"{cell['id']}: {text[max(0, found.start() - 40) : found.end() + 40]}"


@every_notebook
def test_it_opens_anywhere(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


@every_notebook
def test_it_prints_versions_first_and_ends_with_what_it_does_not_show(path: Path) -> None:
    cells = read(path)["cells"]
    first = "".join("".join(output.get("text", "")) for output in code_cells(path)[0]["outputs"])
    assert all(name in first for name in ("Python", "qhopfield", "qiskit", "qiskit-aer", "numpy"))
    assert cells[-1]["cell_type"] == "markdown"
    assert "".join(cells[-1]["source"]).startswith("## What this shows and what not")
