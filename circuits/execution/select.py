"""Choosing what runs the circuits."""

from __future__ import annotations

from typing import Any

from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from ..common.checks import shown
from .aer import AerRunner
from .mitigation import MitigatedRunner, Mitigation
from .primitives import SamplerRunner


def make_runner(
    *,
    backend: BackendV2 | None = None,
    sampler: BaseSamplerV2 | None = None,
    noise_model: NoiseModel | None = None,
    pass_manager: Any = None,
    mitigation: Mitigation | None = None,
) -> AerRunner | SamplerRunner | MitigatedRunner:
    """Makes what runs circuits: Aer unless a backend or a sampler is given.

    Args:
        backend: an AerSimulator, or any other BackendV2.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        pass_manager: transpiles each circuit once before it is bound.
        mitigation: which errors are mitigated; None, or one that only asks for ``codewords``,
            leaves the runner as it is.

    Raises:
        ImportError: read-out mitigation without mthree.
        TypeError: an argument has a wrong type.
        ValueError: both a backend and a sampler, noise for something that is not Aer, or
            mitigation that the runner cannot do.
    """
    if mitigation is not None and not isinstance(mitigation, Mitigation):
        raise TypeError(f"mitigation must be a Mitigation or None, got {shown(mitigation)}.")
    if pass_manager is not None and not hasattr(pass_manager, "run"):
        raise TypeError(f"pass_manager must have a run method, got {shown(pass_manager)}.")
    if backend is not None and sampler is not None:
        raise ValueError("Give either backend= or sampler=, not both.")
    if noise_model is not None and (
        sampler is not None or (backend is not None and not isinstance(backend, AerSimulator))
    ):
        raise ValueError(
            "noise_model= is for Aer; a device and a sampler have noise of their own. Use "
            "backend=AerSimulator(noise_model=...) or leave backend and sampler out."
        )
    runner: AerRunner | SamplerRunner
    if sampler is not None or (backend is not None and not isinstance(backend, AerSimulator)):
        runner = SamplerRunner(sampler, backend=backend, pass_manager=pass_manager)
    else:
        runner = AerRunner(backend, noise_model=noise_model, pass_manager=pass_manager)
    if mitigation is None or not mitigation.runs:
        return runner
    return MitigatedRunner(runner, mitigation)
