"""What all filters have in common.

A filter asks yes/no questions about the memory register, each on an ancilla that must read 0.  A
run in which all do is kept; pattern mu then comes out with a probability proportional to what the
filter lets through of it (:meth:`MemoryFilter.acceptances`, the law).

The probe enters as angles (:meth:`MemoryFilter.angles`), which may be circuit parameters: one
circuit serves every probe.  An entry 0 of the probe is unknown and is not filtered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, ParameterExpression, ParameterVector, Qubit

from ...common.checks import check_count
from ...common.cost import refuse_gates
from ...common.identity import Identified
from ...patterns.checks import as_rows, check_probes
from ..multiplex import two_qubit_gates

Angle: TypeAlias = float | ParameterExpression


class MemoryFilter(Identified, ABC):
    """What keeps or throws away patterns.  Subclasses are frozen choices, such as ExpFilter."""

    @abstractmethod
    def steps(self, num_neurons: int) -> int:
        """Questions asked: ancillas where they are coherent, bits where one is used again."""

    def register_width(self, num_neurons: int) -> int:
        """Qubits of the distance register; 0 where there is none."""
        check_count(num_neurons, "num_neurons", minimum=1)
        return 0

    @abstractmethod
    def num_angles(self, num_neurons: int) -> int:
        """Numbers that :meth:`angles` gives for a probe, and :meth:`append` takes."""

    @abstractmethod
    def angles(self, probes: Any) -> NDArray[np.float64]:
        """What the circuit's parameters are bound to.

        Shapes:
            probes: (P, N) or (N,)
            result: (P, num_angles(N))

        Raises:
            TypeError: probes that are not real numbers.
            ValueError: malformed probes, or entries that this filter cannot take.
        """

    @abstractmethod
    def acceptances(self, patterns: Any, probes: Any) -> NDArray[np.float64]:
        """The law: the probability that each pattern is kept, exactly what the circuit does.

        Args:
            patterns: what is stored; product-state keys in [-1, 1] too.
            probes: the probes.

        Shapes:
            patterns: (M, N)
            probes: (P, N) or (N,)
            result: (P, M)

        Raises:
            TypeError: entries that are not real numbers.
            ValueError: malformed arrays, or entries that this filter cannot take.
        """

    @abstractmethod
    def _step(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        angles: Sequence[Angle],
        step: int,
        ancilla: Qubit,
        register: Sequence[Qubit],
    ) -> None:
        """Asks one question, on an ancilla in |0>."""

    def append(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        angles: Sequence[Angle] | NDArray[np.float64],
        *,
        ancillas: Sequence[Qubit],
        register: Sequence[Qubit] = (),
        flags: Sequence[Clbit] = (),
    ) -> None:
        """Adds the filter to a circuit.

        Args:
            circuit: what the gates are added to.
            memory: n qubits, neuron i on ``memory[i]``.
            angles: a row of :meth:`angles`, or parameters in its place.
            ancillas: qubits in |0>.  One a step, all of which must read 0 in the end (coherent);
                or a single one that is measured after each step and used again.
            register: :meth:`register_width` qubits in |0>; they keep the distance.
            flags: bits for the single ancilla's measurements, one a step, all of which must be 0;
                none where the ancillas are coherent.

        Raises:
            ValueError: the wrong number of qubits, bits or angles.
        """
        num_neurons = len(memory)
        check_count(num_neurons, "the number of memory qubits", minimum=1)
        steps = self.steps(num_neurons)
        reused = bool(flags)
        for name, given, wanted in (
            ("angles", len(angles), self.num_angles(num_neurons)),
            ("register qubits", len(register), self.register_width(num_neurons)),
            ("ancillas", len(ancillas), 1 if reused else steps),
            ("flags", len(flags), steps if reused else 0),
        ):
            if given != wanted:
                raise ValueError(
                    f"{type(self).__name__} on {num_neurons} neurons needs {wanted} {name}, "
                    f"got {given}."
                )
        for step in range(steps):
            ancilla = ancillas[0 if reused else step]
            self._step(circuit, memory, list(angles), step, ancilla, register)
            if reused:
                # No reset: a run goes on to count only if this reads 0, which leaves |0>.
                circuit.measure(ancilla, flags[step])

    def two_qubit_gates(self, num_neurons: int) -> int:
        """CX gates of the filter, decomposed into ``u`` and ``cx``; the loader comes on top."""
        num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
        steps = self.steps(num_neurons)
        gates = steps * num_neurons * max(1, self.register_width(num_neurons))
        refuse_gates(gates, f"A filter on num_neurons={num_neurons}", "Use fewer neurons.")
        memory = QuantumRegister(num_neurons, "memory")
        register = QuantumRegister(self.register_width(num_neurons), "distance")
        ancilla = QuantumRegister(1, "ancilla")
        flags = ClassicalRegister(steps, "kept")
        circuit = QuantumCircuit(memory, register, ancilla, flags)
        angles = ParameterVector("t", self.num_angles(num_neurons))
        self.append(circuit, memory, angles, ancillas=ancilla, register=register, flags=flags)
        return two_qubit_gates(circuit)


def probe_rows(probes: Any) -> NDArray[np.float64]:
    """Returns probes as (P, N) floats in [-1, 1]."""
    return check_probes(probes, as_rows(probes, "probes").shape[1])


def key_rows(patterns: Any, probes: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns patterns or product-state keys, and probes of the same width."""
    rows = probe_rows(probes)
    return check_probes(patterns, rows.shape[1], name="patterns"), rows
