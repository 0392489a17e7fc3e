"""What every execution path runs: a circuit with open angles, and how to read it.

A :class:`Program` describes one small circuit twice, for Qiskit and for PennyLane, with the same
angles in the same order.  A run counts where none of its flags reads 1; what is read are the
probabilities that it counts *and* shows outcome k::

    N_k(angles) = P(outcome = k and every flag = 0)

They are polynomials in cosines and sines, so every method of differentiation is right about them.
A layer forms ``N_k / sum N`` in PyTorch: differentiating through a framework's post-selection is
wrong without a warning in some of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from ...circuits.common.checks import check_choice

Layout: TypeAlias = Literal["coherent", "reuse"]
"""``coherent``: fresh qubits, measured in the end; ``reuse``: few qubits, measured on the way."""

LAYOUTS: tuple[Layout, ...] = ("coherent", "reuse")


@dataclass(frozen=True)
class Measured:
    """A measured circuit with its angles open, and how to read its classical bits.

    Attributes:
        circuit: the circuit.
        parameters: its angles, in the order of the program.
        outcome: the bits that spell the outcome, least significant first.
        flags: the bits of which none may be 1 in a run that counts.
        records: further bits that are kept, 0 being spin +1: what the covariance rule reads.
    """

    circuit: QuantumCircuit
    parameters: tuple[Parameter, ...]
    outcome: tuple[int, ...]
    flags: tuple[int, ...]
    records: tuple[int, ...] = ()


@dataclass(frozen=True)
class Wires:
    """Where PennyLane finds the answer of a program on wires 0..total-1.

    Attributes:
        outcome: the wires that spell the outcome, least significant first.
        flags: the wires that must read 0.
        total: how many wires there are.
    """

    outcome: tuple[int, ...]
    flags: tuple[int, ...]
    total: int


class Program(ABC):
    """A parameterised circuit whose accepted outcomes are read; subclasses are frozen choices."""

    @property
    @abstractmethod
    def num_angles(self) -> int:
        """Angles that a run binds, A."""

    @property
    @abstractmethod
    def num_outcomes(self) -> int:
        """Outcomes that are read, K."""

    @property
    def frequencies(self) -> tuple[int, ...]:
        """The highest frequency at which each angle enters ``N_k``, (A,): 1 where one gate has it.

        The parameter-shift rule evaluates the circuit at ``2 r`` shifts of an angle of frequency r.
        """
        return (1,) * self.num_angles

    @property
    @abstractmethod
    def wires(self) -> Wires:
        """Where the answer is in the coherent circuit."""

    @property
    def rank(self) -> int | None:
        """A bound on the Schmidt rank of the coherent circuit's states, where one is known."""
        return None

    @abstractmethod
    def circuit(self, layout: Layout = "coherent") -> Measured:
        """The measured circuit for Qiskit.

        Raises:
            ValueError: the program has no such layout.
        """

    @abstractmethod
    def apply(self, angles: Any) -> None:
        """Queues the coherent circuit's templates in PennyLane, on wires 0..total-1.

        Shapes:
            angles: (A,) or a batch of them, (B, A)
        """

    def num_qubits(self, layout: Layout = "coherent") -> int:
        """Width of the circuit, without building it."""
        return self.wires.total


def check_layout(layout: str) -> None:
    """Refuses a layout that does not exist.

    Raises:
        ValueError: its name is none of :data:`LAYOUTS`.
    """
    check_choice(layout, "layout", LAYOUTS)
