"""Choosing how a layer runs: on the exact law, on PennyLane, or on Qiskit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ...circuits.common.checks import check_choice, check_count, shown
from ...circuits.common.cost import refuse_work
from ...circuits.common.randomness import Seed, as_generator
from ..programs.base import Layout
from .base import GRADIENTS, Empty, Executor, Gradient
from .pennylane import PennyLaneExecutor
from .qiskit import QiskitExecutor

# What a shot takes at least: drawing from a distribution that is written out.
_SHOT_SECONDS = 1e-7


@dataclass(frozen=True)
class Execution:
    """How a layer runs.  With nothing given it is the exact law.

    Attributes:
        device: a PennyLane device or the name of one.
        backend: a Qiskit BackendV2, such as ``AerSimulator()``.
        sampler: a Qiskit SamplerV2.
        noise_model: noise for Aer.
        shots: runs a circuit; None asks for exact probabilities.
        gradient: ``"covariance"``, ``"parameter-shift"`` or ``"device"``; None chooses.
        layout: ``"coherent"`` or ``"reuse"`` on Qiskit; None chooses by width.
        empty: what becomes of a circuit of which no run counted: ``"raise"``, or ``"prior"`` for
            outcomes as likely as they were loaded.
        seed: of shots and simulators.  A model that is built twice from the same seed draws the
            same; each copy of a layer (``copy.deepcopy``, pickles) draws from a stream of its own.

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: arguments that exclude each other, or that the law has no use for.
    """

    device: Any = None
    backend: Any = None
    sampler: Any = None
    noise_model: Any = None
    shots: int | None = None
    gradient: Gradient | None = None
    layout: Layout | None = None
    empty: Empty = "raise"
    seed: Seed = None

    def __post_init__(self) -> None:
        qiskit = [
            name
            for name in ("backend", "sampler", "noise_model")
            if getattr(self, name) is not None
        ]
        if self.device is not None and qiskit:
            raise ValueError(f"Give either device= (PennyLane) or {qiskit[0]}= (Qiskit), not both.")
        check_choice(self.empty, "empty", ("raise", "prior"))
        as_generator(self.seed)  # refuses what is no seed, on the law too
        if self.shots is not None:
            shots = check_count(self.shots, "shots", minimum=1)
            refuse_work(
                _SHOT_SECONDS * shots,
                f"shots={shots:,} of one circuit",
                "Use fewer shots, or the law, which is exact.",
            )
        if self.gradient is not None:
            check_choice(self.gradient, "gradient", GRADIENTS)
        if self.is_law:
            unused = [
                name for name in ("shots", "gradient", "layout") if getattr(self, name) is not None
            ]
            if unused:
                raise ValueError(
                    f"{unused[0]}= is for circuits, and without device= or backend= the layer runs "
                    "on its exact law: add device='default.qubit' or backend=AerSimulator()."
                )
        if self.device is not None and self.layout is not None:
            raise ValueError("layout= is for Qiskit; PennyLane runs the coherent circuit.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Execution:
        """Itself: it does not change, and the devices that were passed in are the user's."""
        return self

    @property
    def is_law(self) -> bool:
        """Whether the exact law answers, and no circuit runs."""
        return all(
            given is None for given in (self.device, self.backend, self.sampler, self.noise_model)
        )

    def executor(self) -> Executor | None:
        """What runs the circuits; None for the law."""
        if self.is_law:
            return None
        runner: Executor
        if self.device is not None:
            runner = PennyLaneExecutor(
                self.device, shots=self.shots, gradient=self.gradient, seed=self.seed
            )
        else:
            runner = self._qiskit()
        runner.empty = self.empty
        return runner

    def _qiskit(self) -> QiskitExecutor:
        return QiskitExecutor(
            backend=self.backend,
            sampler=self.sampler,
            noise_model=self.noise_model,
            shots=self.shots,
            gradient=self.gradient,
            layout=self.layout,
            seed=self.seed,
        )


def split_device(device: Any) -> tuple[torch.device | None, Any]:
    """Tells a torch device from a PennyLane device, which both go by ``device=``.

    A name with a dot, such as ``"default.qubit"``, is PennyLane's; ``"cpu"``, ``"cuda:0"`` and
    ``"meta"`` are torch's.

    Returns:
        The torch device and the PennyLane device; what was not given is None.

    Raises:
        TypeError: neither.
        ValueError: a name that neither knows.
    """
    if device is None:
        return None, None
    if isinstance(device, torch.device):
        return device, None
    if isinstance(device, int) and not isinstance(device, bool):
        # A number is that of an accelerator; a machine without one has none.
        if device >= 0 and torch.accelerator.is_available():
            return torch.device(device), None
        raise ValueError(f"device={device} is no accelerator of this machine; use 'cpu'.")
    if isinstance(device, str):
        if "." in device:
            return None, device
        try:
            return torch.device(device), None
        except RuntimeError as error:
            raise ValueError(
                f"device must be a torch device such as 'cpu' or 'cuda', or a PennyLane device "
                f"such as 'default.qubit'; got {device!r}."
            ) from error
    if hasattr(device, "execute") and hasattr(device, "wires"):
        return None, device
    raise TypeError(
        "device must be a torch device, a PennyLane device or the name of one, got "
        f"{shown(device)} ({type(device).__name__})."
    )


def with_device(execution: Execution, device: Any) -> tuple[Execution, torch.device | None]:
    """Sorts a ``device=`` argument into the execution or the torch device."""
    place, quantum = split_device(device)
    return (execution if quantum is None else replace(execution, device=quantum)), place
