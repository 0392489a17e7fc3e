"""What the layers share: how they run, and how to move them to another path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qiskit import QuantumCircuit
from torch import Tensor, nn

from ...circuits.common.checks import check_kind
from ..execution import (
    Execution,
    Executor,
    PennyLaneExecutor,
    check_keywords,
    parameters_of,
)
from ..execution.select import split_device
from ..first_values import FirstValues
from ..programs.base import Layout, Program


class QuantumModule(FirstValues):
    """A layer that runs on its exact law, on PennyLane or on Qiskit, with the same weights.

    Args:
        execution: the keywords of :class:`..execution.Execution`, ``device`` excepted.
        device: a torch device, or a PennyLane device or its name.
    """

    def __init__(self, *, device: Any = None, **execution: Any) -> None:
        super().__init__()
        kind = type(self)
        check_keywords(kind.__name__, execution, parameters_of(kind, Execution))
        place, quantum = split_device(device)
        self._factory_device = place
        self.execution = Execution(device=quantum, **execution)

    @property
    def execution(self) -> Execution:
        """How the layer runs; assign another to move it."""
        return self._execution

    @execution.setter
    def execution(self, execution: Execution) -> None:
        check_kind(execution, "execution", Execution, "an Execution")
        self._use(execution, execution.executor())

    @property
    def executor(self) -> Executor | None:
        """What runs the circuits; None on the law."""
        return self._executor

    def _use(self, execution: Execution, executor: Executor | None) -> None:
        self._execution = execution
        self._executor = executor

    def _execution_repr(self) -> str:
        """How the layer runs, for ``extra_repr``; nothing on the law."""
        if self._executor is None:
            return ""
        shots = "exact" if self._executor.shots is None else f"{self._executor.shots} shots"
        return f", runs on {self._executor.name} ({shots})"


@contextmanager
def run_on(module: nn.Module, **execution: Any) -> Iterator[nn.Module]:
    """Moves every quantum layer inside a module to another execution path, and back in the end.

    Args:
        module: any module.
        execution: the keywords of :class:`Execution`; none for the law.

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: keywords that exclude each other, or a module without quantum layers.

    >>> import torch
    >>> from qiskit_aer import AerSimulator
    >>> from qhopfield.hybrid import QuantumHopfield, run_on
    >>> layer, x = QuantumHopfield(4, num_heads=2), torch.zeros(1, 3, 4)
    >>> with torch.no_grad(), run_on(layer, backend=AerSimulator(), shots=100, seed=7):
    ...     layer(x).shape
    torch.Size([1, 3, 4])
    """
    check_kind(module, "module", nn.Module, "a torch.nn.Module with quantum layers")
    check_keywords("run_on", execution, parameters_of(Execution))
    layers = [each for each in module.modules() if isinstance(each, QuantumModule)]
    if not layers:
        raise ValueError(
            f"{type(module).__name__} holds no quantum layer, so there is nothing to run."
        )
    place, quantum = split_device(execution.pop("device", None))
    if place is not None:
        raise ValueError(
            f"device={place.type!r} is a torch device; move the module with .to(), and name a "
            "PennyLane device here."
        )
    new = Execution(device=quantum, **execution)
    executor = new.executor()  # one for all, so that one seed serves all
    before = [(each, each.execution, each.executor) for each in layers]
    try:
        for each in layers:
            each._use(new, executor)
        yield module
    finally:
        for each, old, runner in before:
            each._use(old, runner)


def bound_circuit(program: Program, angles: Tensor, layout: Layout) -> QuantumCircuit:
    """The measured Qiskit circuit of a program at given angles, (A,)."""
    measured = program.circuit(layout)
    values = angles.detach().cpu().double().tolist()
    return measured.circuit.assign_parameters(dict(zip(measured.parameters, values, strict=True)))


def bound_qnode(
    program: Program, angles: Tensor, device: Any, shots: int | None
) -> tuple[Any, Tensor]:
    """The QNode of a program, and its angles."""
    return PennyLaneExecutor(device, shots=shots).qnode(program), angles.detach().cpu().double()
