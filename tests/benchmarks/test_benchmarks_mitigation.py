"""Mitigation on recorded devices: claims that hold, and the benchmark at a small size."""

from __future__ import annotations

import csv

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import fake_device
from benchmarks.claims import REGISTRY
from benchmarks.claims.record import HOLDS

pytest.importorskip("mthree")
pytest.importorskip("qiskit_ibm_runtime")


@pytest.mark.parametrize(
    "name",
    ["readout.kernel.right", "readout.kernel.acceptance", "zero-noise.linear", "codewords"],
)
def test_claims_hold(name):
    (each,) = REGISTRY.select([f"mitigation.{name}"], quick=True)
    assert each.verdict(each.measure(5).value) == HOLDS


def test_a_small_device(tmp_path):
    app = typer.Typer()
    app.command()(fake_device.main)
    path = tmp_path / "rows.csv"
    options = ["--device", "lagos", "--skip-letters", "--neurons", "2", "--stored", "3"]
    done = CliRunner().invoke(app, [*options, "--shots", "300", "--csv", str(path)])
    assert done.exit_code == 0, done.output
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(fake_device.MEMORY)
    for row in rows:
        assert float(row["low"]) <= float(row["right"]) <= float(row["high"])
        assert 0 < float(row["law"]) <= 1
        assert float(row["overhead"]) >= 1
        assert int(row["qubits"]) <= 7
        assert int(row["runs"]) == 300 * (3 if "zero noise" in row["mitigation"] else 1)
    # The same circuit runs for every mitigation.
    assert len({(row["circuit"], row["two-qubit gates"]) for row in rows}) == 3


def test_an_unknown_device():
    with pytest.raises(typer.BadParameter, match="no device called 'atlantis'"):
        fake_device.load_device("atlantis")
