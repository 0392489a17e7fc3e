"""The benchmarks and claims of the hybrid layers: small runs, and what they lean on."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from benchmarks import bank, common, layer_scaling, layer_speed, torchlayer
from benchmarks.claims import REGISTRY, hybrid
from benchmarks.claims.record import HOLDS
from qhopfield.hybrid import QuantumHopfield

SMALL = ("--batch", 2, "--length", 4, "--width", 8, "--heads", 2, "--repeats", 1, "--threads", 1)


def invoke(script, *args):
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, [str(each) for each in args])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# The scripts.


# Timings of small jobs are all noise, so that these scripts may end with 1: the figure was missed.
@pytest.mark.parametrize("compiled", [True, False])
def test_layer_speed(tmp_path, monkeypatch, compiled):
    monkeypatch.setattr(torch, "compile", lambda layer: layer)  # which would take a minute
    path = tmp_path / "new" / "table.csv"
    options = ("--compiled" if compiled else "--no-compiled",)
    result = invoke(layer_speed, *SMALL, *options, "--csv", path)
    assert result.exit_code in (0, 1) and isinstance(result.exception, (SystemExit, type(None)))
    rows = {row["layer"]: row for row in rows_of(path)}
    names = {"attention", "attention, weights", "classical Hopfield", *layer_speed.FIGURES}
    if compiled:
        names |= {f"{name}, compiled" for name in names}
    assert names <= set(rows)  # hflayers may be there
    for name in names:
        assert float(rows[name]["median (ms)"]) > 0.0 and float(rows[name]["peak (MB)"]) > 0.0
    assert min(float(rows[name]["to attention"]) for name in layer_speed.ATTENTION) == 1.0
    assert rows["quantum, product keys"]["at most"] == "1.3"
    missed = any(float(row["to attention"]) > float(row["at most"]) for row in rows.values())
    assert result.exit_code == missed


def test_torchlayer(tmp_path):
    path = tmp_path / "table.csv"
    small = ("--qubits", 3, "--batch", 4, "--repeats", 1, "--threads", 1, "--no-compiled")
    result = invoke(torchlayer, *small, "--csv", path)
    assert result.exit_code in (0, 1) and isinstance(result.exception, (SystemExit, type(None)))
    assert "differ" not in result.output
    rows = rows_of(path)
    assert [(row["neurons"], row["against"]) for row in rows] == [
        (neurons, device) for neurons in ("1", "3") for device in torchlayer.DEVICES
    ]
    for row in rows:
        assert float(row["gap, double"]) < 1e-12 and float(row["gap, single"]) < 1e-6
    assert {float(row["at least"]) for row in rows} == {torchlayer.FIGURE}  # no row is exempt
    missed = [row for row in rows if float(row["times faster"]) < torchlayer.FIGURE]
    assert result.exit_code == bool(missed)


def test_layer_scaling(tmp_path):
    path = tmp_path / "table.csv"
    small = ("--axis", "heads", "--points", 3, "--batch", 1, "--repeats", 2, "--threads", 1)
    result = invoke(layer_scaling, *small, "--csv", path)
    assert result.exit_code == 0, result.output
    rows = rows_of(path)
    assert {(row["layer"], row["size"]) for row in rows} == {
        (layer, size)
        for layer in (*layer_scaling.QUANTUM, "attention", "attention, weights")
        for size in ("4", "8", "16")
    }
    fits = {(row["of"], row["what"]): row for row in rows_of(tmp_path / "table_exponents.csv")}
    assert float(fits["one head's circuit", "circuits"]["exponent"]) == pytest.approx(1.0)
    assert float(fits["one head's circuit", "depth"]["exponent"]) == 0.0
    assert (tmp_path / "table.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (layer_speed, ("--heads", 3), "--heads 3 must divide --width 64"),
        (layer_speed, ("--device", "tpu"), "--device must be cpu or cuda, got 'tpu'"),
        (layer_speed, ("--repeats", 0), "Invalid value for '--"),
        (layer_scaling, ("--axis", "depth"), "--axis must be one of batch, length, neurons, heads"),
        (layer_scaling, ("--points", 2), "Invalid value for '--"),
        (torchlayer, ("--qubits", 2), "Invalid value for '--"),
    ],
)
def test_wrong_requests(tmp_path, script, options, message):
    path = tmp_path / "table.csv"
    result = invoke(script, *options, "--csv", path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not path.exists()


@pytest.mark.parametrize("script", [layer_speed, layer_scaling])
def test_a_gpu_that_is_not_there(tmp_path, monkeypatch, script):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = invoke(script, "--device", "cuda", "--csv", tmp_path / "table.csv")
    assert result.exit_code == 2 and "sees no GPU" in result.output


# What they lean on.


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x.exp() * self.factor


@pytest.mark.parametrize("size", [1000, 4000])
def test_peak_memory_counts_what_a_step_holds(size):
    step = layer_speed.Step(Scaled(), torch.zeros(size), torch.ones(size))
    step()
    # At the most: the exponential, the product's two gradients, and one to be summed or multiplied.
    assert 2 * 4 * size <= layer_speed.peak_memory(step) <= 4 * 4 * size + 1000


def test_a_step_has_all_gradients_and_starts_afresh():
    step = layer_speed.Step(Scaled(), torch.zeros(3), torch.ones(3))
    for _ in range(2):
        step()
        assert step.inputs.grad.tolist() == [1.0, 1.0, 1.0]
        assert step.layer.factor.grad.item() == 3.0


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), layer_speed.torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_the_exponent_of_a_power_law():
    sizes = [2, 4, 8, 16] * 5
    noise = np.random.default_rng(3).normal(0.0, 0.01, len(sizes))
    value, low, high = layer_scaling.exponent(sizes, 3.0 * np.power(sizes, 1.5) * np.exp(noise))
    assert low < 1.5 < high and high - low < 0.03 and value == pytest.approx((low + high) / 2)


def test_another_neuron_shows_as_a_gap():
    with torchlayer.default_dtype(torch.float64):
        torch.manual_seed(0)
        given = (torch.rand(2), torch.rand(()), 0.3)
        law, same = (torchlayer.LawNeuron(*given) for _ in range(2))
        z, slope = torch.rand(5, 2).requires_grad_(), torch.rand(5)
        assert torchlayer.gap(law, same, z, slope) == 0.0
        with torch.no_grad():
            same.weights[1] += 1e-6
        assert 1e-8 < torchlayer.gap(law, same, z, slope) < 1e-5
    assert torch.get_default_dtype() == torch.float32


def test_environment_names_what_is_installed_and_leaves_the_rest_empty(monkeypatch):
    assert common.environment()["torch"] == torch.__version__
    assert {"pennylane", "pennylane-lightning", "lightning"} <= set(common.environment())
    monkeypatch.setattr(common, "PACKAGES", ("no-such-package",))
    assert common.environment()["no-such-package"] == ""


# The claims.


@pytest.mark.parametrize(
    "claim", REGISTRY.select(["hybrid.*"], quick=True), ids=lambda claim: claim.id
)
def test_quick_claim(claim):
    measured = claim.measure(7)
    assert claim.verdict(measured.value) == HOLDS, (measured, claim.wanted())


def test_claims_leave_torch_as_it_was():
    state = torch.random.get_rng_state()
    hybrid._gap("association.binary", "default-qubit", 3)
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.random.get_rng_state(), state)


class Biased(nn.Module):
    """An association that is off on circuits."""

    def __init__(self, factor):
        super().__init__()
        # Without biases, whose gradients have no spread.
        self.inner, self.factor = QuantumHopfield(3, bias=False), factor

    def forward(self, x):
        return self.inner(x) * (1.0 if self.inner.executor is None else self.factor)


def biased(factor):
    return hybrid.Case(Biased(factor), (torch.randn(1, 4, 3, requires_grad=True),), {})


def test_an_inexact_layer_shows(monkeypatch):
    monkeypatch.setitem(hybrid.CASES, "biased", ("", lambda: biased(1.0 + 1e-7)))
    assert 1e-8 < hybrid._gap("biased", "default-qubit", 7).value < 1e-5


@pytest.mark.parametrize(("factor", "off"), [(1.0, False), (1.5, True)])
def test_biased_gradients_show_by_shots(factor, off):
    found = hybrid._gradient_sigmas(lambda: biased(factor), "covariance", 12, 7).value
    assert math.isfinite(found) and (found > 4.0) is off


def test_gradients_by_parameter_shift_in_few_runs():
    make = hybrid._SHOT_CASES["network"][1]
    assert hybrid._gradient_sigmas(make, "parameter-shift", 6, 7).value <= 4.0


def test_bank(tmp_path):
    path = tmp_path / "table.csv"
    small = ("--patterns", 6, "--patterns", 8, "--shard", 4, "--neurons", 2, "--queries", 3)
    more = ("--aer", 6, "--shots", 20, "--repeats", 1, "--threads", 1)
    result = invoke(bank, *small, *more, "--csv", path)
    assert result.exit_code == 0, result.output
    rows = rows_of(path)
    assert len(rows) == 8
    for one, cut in zip(rows[::2], rows[1::2], strict=True):
        assert int(cut["circuits"]) == 2 * int(one["circuits"]) == 4
        assert int(cut["qubits"]) == int(one["qubits"]) - 1
        asked = one["patterns"] == "6" and one["keys"] == "product"
        assert all((float(row["Aer (s a query)"]) > 0.0) == asked for row in (one, cut))
