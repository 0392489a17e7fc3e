"""What every method is: a circuit, its law, and how recall runs the one and reads it."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from ..common.checks import check_kind
from ..common.identity import Identified
from ..models import Model
from .pieces import Pieces, ProbesPiece, cut_probes, draw_seeds
from .samples import Counts, Law, Parts, Samples, Trace, gather, joined, unpack_counts

Probes: TypeAlias = ArrayLike | Statevector | Sequence[Statevector]
"""Spin expectations in [-1, 1], (P, N) or (N,); or states of N qubits, amplitudes and all."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the steps done and the steps to do."""


class Runner(Protocol):
    """What runs circuits: Aer, a backend or a sampler (see :mod:`..execution`)."""

    name: str

    @property
    def ideal(self) -> bool:
        """Whether circuits come out as their law says, without any noise, as far as is known."""
        ...

    def admit(
        self,
        num_qubits: int,
        alternative: str,
        *,
        rank: int | None = None,
        simpler: str | None = None,
    ) -> None:
        """Refuses a circuit that is too wide, naming the alternative, before it is built.

        ``rank`` bounds the Schmidt rank of its states, where a bound is known.  ``simpler`` says
        what to use on a device without loops, resets or measurements on the way.
        """
        ...

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[Counts]:
        """Runs one circuit for every row of ``values`` (B, parameters), ``shots`` (B,) each."""
        ...

    def close(self) -> None:
        """Says what all the runs together have shown, such as noise without effect."""
        ...


@dataclass(frozen=True)
class Bill:
    """What :func:`..resources.resources` needs to know of a method on a model.

    Attributes:
        circuit: the circuit that is counted.
        repetitions: how often it runs, one after the other, for one shot.
        updates: neuron updates of one shot.
        expected_two_qubit_gates: two-qubit gates of one shot as written, loops by expectation.
        expected_attempts: mean level-1 blocks an update.
        gain: angle in radians per unit of field.
        field_error: largest rounding error of a field.
        loading: two-qubit gates that load the memory.
        search_loadings: loadings of the memory before the first shot of a probe, by expectation.
        side_by_side: circuits that run at the same time, one a submodule, in place of ``circuit``.
    """

    circuit: QuantumCircuit
    repetitions: int = 1
    updates: int = 0
    expected_two_qubit_gates: float = float("nan")
    expected_attempts: float = float("nan")
    gain: float = float("nan")
    field_error: float = 0.0
    loading: int = 0
    search_loadings: float = 0.0
    side_by_side: tuple[QuantumCircuit, ...] = ()


class Method(Identified, ABC):
    """An algorithm that recalls: the same verbs for every one.

    Every public verb whose first argument is ``model`` refuses what is none, subclasses' verbs too.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, verb in list(vars(cls).items()):
            if inspect.isfunction(verb) and not name.startswith("_"):
                if list(inspect.signature(verb).parameters)[1:2] == ["model"]:
                    setattr(cls, name, _of_a_model(verb))

    @abstractmethod
    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """The circuit for one probe, measured, ready for any backend."""

    @abstractmethod
    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of the recalled states for one probe."""

    @abstractmethod
    def bill(self, model: Model) -> Bill:
        """The circuit to count, how often it runs, and what loops are expected to add."""

    @property
    @abstractmethod
    def law_limit(self) -> int:
        """The most neurons whose exact law is computed; beyond it the law is sampled."""

    def has_law(self, model: Model, probes: NDArray[np.float64]) -> bool:
        """Whether :meth:`law` can be written out for these probes; else the law is sampled.

        Args:
            model: the memory.
            probes: expectations of the probes' spins, (P, N).

        Raises:
            TypeError: ``model`` is no model.
        """
        check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
        return model.num_neurons <= self.law_limit

    @property
    def classical(self) -> bool:
        """Whether the method runs no circuit at all."""
        return False

    @property
    def why_not_mitigated(self) -> str | None:
        """Why its circuits cannot run with mitigation; None where they can.

        Mitigation corrects the shares of many shots, never a single one. A method whose answers are
        such shares, and that uses no single shot on the way, says so by returning None; another one
        returns the reason, and what to use instead. A method that wraps another returns what that
        one does.
        """
        name = type(self).__name__
        return (
            f"{name} does not say that its answers are shares of many shots, which is all that "
            "mitigation can correct. Where they are, and no single shot is used on the way, let "
            f"{name}.why_not_mitigated return None; or leave mitigation out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """Why an answer that is no stored pattern shows no error; None where it does."""
        name = type(self).__name__
        return (
            f"codewords=True rejects what was never stored, and {name} does not say that it can "
            f"only return stored patterns. Where that is so, let {name}.why_not_codewords return "
            "None; or use FilteredMemory() or AmplifiedMemory(), or leave codewords out."
        )

    @abstractmethod
    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws from the law, at any size."""

    @abstractmethod
    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits and reads them."""

    def pieces(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        *,
        law: bool = False,
    ) -> Pieces:
        """Cuts a recall into pieces that can run anywhere; here, a few probes each.

        Args:
            model: the memory.
            probes: all probes.
            shots: runs a probe.
            rng: seeds the pieces.
            law: draws from the law instead of running circuits.
        """
        given = cut_probes(probes, model.num_neurons)
        seeds = draw_seeds(rng, len(given))
        answers = yield [
            ProbesPiece(self, model, part, shots, seed, law)
            for part, seed in zip(given, seeds, strict=True)
        ]
        return joined([answer for answer in answers if answer is not None])


def _of_a_model(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that looks whether its first argument is a model."""

    @functools.wraps(verb)
    def checked(self: Method, *given: Any, **named: Any) -> Any:
        if given or "model" in named:
            model = given[0] if given else named["model"]
            check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
        return verb(self, *given, **named)

    return checked


__all__ = [
    "Bill",
    "Counts",
    "Law",
    "Method",
    "Parts",
    "Pieces",
    "Probes",
    "Progress",
    "Runner",
    "Samples",
    "Trace",
    "gather",
    "unpack_counts",
]
