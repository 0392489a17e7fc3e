"""What the hybrid tests share: answers with all their gradients, paths, and statistics."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from scipy.stats import chi2, norm, t

from qhopfield.hybrid import QuantumHopfield, run_on

FALSE_ALARM = 1e-6
"""Of each statistical assertion, over all the entries that it looks at."""


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def small():
    """``small(keys, **arguments)``: a layer of two heads with two neurons each, double precision.

    Its biases are drawn too: at 0 an error in them would not show.
    """

    def build(keys="binary", size=4, cls=QuantumHopfield, **arguments):
        arguments.setdefault("num_heads", 2)
        layer = cls(size, keys=keys, dtype=torch.float64, **arguments)
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_(std=0.3)
        return layer

    return build


@pytest.fixture
def draw():
    """``draw(*shape)``: normal numbers, double precision."""
    return lambda *shape: torch.randn(*shape, dtype=torch.float64)


# Outputs and gradients -------------------------------------------------------------------------


def _answer(module, *inputs, **keywords):
    """Output, association if asked for, and gradients of inputs and parameters, by name."""
    given = [each.detach().clone().requires_grad_() for each in inputs]
    found = module(*given, **keywords)
    output, *rest = found if isinstance(found, tuple) else (found,)
    # A fixed cotangent without symmetry, so that no gradient cancels.
    cotangent = torch.cos(torch.arange(output.numel(), dtype=output.dtype) + 0.5)
    sources = {f"input {number}": each for number, each in enumerate(given)}
    sources |= dict(module.named_parameters())
    slopes = torch.autograd.grad(
        (output * cotangent.view_as(output)).sum(), list(sources.values()), allow_unused=True
    )
    assert all(slope is not None for slope in slopes), "a parameter or an input takes no part"
    answer = {"output": output.detach()}
    answer |= {f"also {number}": each.detach() for number, each in enumerate(rest)}
    return answer | {f"d {name}": s for name, s in zip(sources, slopes, strict=True)}


@pytest.fixture
def answer():
    """``answer(module, *inputs, **keywords)``: everything that the module says, by name."""
    return _answer


def _close(found, wanted, tolerance=1e-9):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype, name
        torch.testing.assert_close(
            found[name], value, atol=tolerance, rtol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.fixture
def close():
    """``close(found, wanted, tolerance=1e-9)``: two answers are the same."""
    return _close


EXACT = {
    "default.qubit": {"device": "default.qubit"},
    "default.qubit, shifts": {"device": "default.qubit", "gradient": "parameter-shift"},
    "lightning.qubit": {"device": "lightning.qubit"},
    "aer": {"backend": AerSimulator(method="statevector")},
}
# The covariance rule needs no shots where keys are bits: it is the softmax's own gradient.
BINARY = {
    "default.qubit, covariance": {"device": "default.qubit", "gradient": "covariance"},
    "aer, covariance": {"backend": AerSimulator(), "gradient": "covariance"},
}


@pytest.fixture
def everywhere():
    """``everywhere(module, *inputs, **keywords)``: all exact paths say what the law says."""

    def check(module, *inputs, **keywords):
        wanted = _answer(module, *inputs, **keywords)
        layers = [each for each in module.modules() if isinstance(each, QuantumHopfield)]
        binary = all(each.keys == "binary" for each in layers)
        for name, place in (EXACT | (BINARY if binary else {})).items():
            with run_on(module, **place):
                assert all(each.executor is not None for each in layers)
                found = _answer(module, *inputs, **keywords)
            try:
                _close(found, wanted)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None
        return wanted

    return check


# Noise -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def depolarizing():
    """``depolarizing(one, two)``: Aer noise on gates of one and of two qubits, and on reading."""

    def build(one, two, reading=0.0):
        noise = NoiseModel()
        noise.add_all_qubit_quantum_error(depolarizing_error(one, 1), ["ry", "h", "x", "sx", "u"])
        noise.add_all_qubit_quantum_error(depolarizing_error(two, 2), ["cx", "cz"])
        if reading:
            flip = [[1 - reading, reading], [reading, 1 - reading]]
            noise.add_all_qubit_readout_error(ReadoutError(flip))
        return noise

    return build


# Statistics ------------------------------------------------------------------------------------


def _chi_square(counts, chances):
    """Counts come from their distributions, row by row; (R, K) each, chances sum to 1.

    Cells in which fewer than 5 are due are pooled, a row at a time.
    """
    counts, chances = np.asarray(counts, float), np.asarray(chances, float)
    assert counts.shape == chances.shape
    np.testing.assert_allclose(chances.sum(1), 1.0, atol=1e-9)
    statistic, degrees = 0.0, 0
    for seen, chance in zip(counts, chances, strict=True):
        due = chance * seen.sum()
        assert not seen[due < 1e-9].any(), "an outcome of probability 0 came"
        rare = due < 5.0
        cells = [*zip(seen[~rare], due[~rare], strict=True)]
        if due[rare].sum() >= 5.0:
            cells.append((seen[rare].sum(), due[rare].sum()))
        statistic += sum((s - d) ** 2 / d for s, d in cells)
        degrees += len(cells) - (not rare.any())
    assert degrees > 0
    chance = chi2.sf(statistic, degrees)
    assert chance > FALSE_ALARM, f"chi-square {statistic:.1f} of {degrees}: p = {chance:.2g}"


def _normal(found, wanted, error):
    """Every entry is within its standard error of what is wanted, at 1e-6 over all entries."""
    error = torch.as_tensor(error).expand_as(wanted)
    sure = error < 1e-12
    torch.testing.assert_close(found[sure], wanted[sure], atol=1e-9, rtol=1e-9)
    deviations = ((found - wanted) / error)[~sure].numpy()
    bound = norm.isf(FALSE_ALARM / (2 * deviations.size))
    worst = np.abs(deviations).max()
    assert worst < bound, f"{worst:.2f} standard errors off, allowed are {bound:.2f}"
    return deviations


def _sampled(samples, wanted):
    """The mean of independent samples (R, ...) is what is wanted: Student's t, 1e-6 overall."""
    samples = torch.as_tensor(samples)
    runs = len(samples)
    error = samples.std(0) / runs**0.5
    sure = error < 1e-12
    mean = samples.mean(0)
    torch.testing.assert_close(mean[sure], wanted[sure], atol=1e-9, rtol=1e-9)
    if bool(sure.all()):
        return
    deviations = ((mean - wanted) / error)[~sure].numpy()
    bound = t.isf(FALSE_ALARM / (2 * deviations.size), runs - 1)
    worst = np.abs(deviations).max()
    assert worst < bound, f"{worst:.2f} standard errors off, allowed are {bound:.2f}"


@pytest.fixture(scope="session")
def chance():
    """Statistical assertions, each with a false-alarm rate of 1e-6."""
    return SimpleNamespace(chi_square=_chi_square, normal=_normal, sampled=_sampled)
