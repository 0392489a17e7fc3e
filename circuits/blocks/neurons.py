"""The quantum neurons: what turns a loaded field into the neuron's new state.

A neuron writes its new bit (0 for spin +1) on a fresh qubit.  :class:`RotationNeuron` is one
rotation, :class:`RUSNeuron` sharpens it by nested repeat-until-success blocks, and
:class:`ThresholdNeuron` computes the exact sign.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Clbit, Qubit
from qiskit.circuit.classical import expr
from scipy.special import expit

from .. import laws
from ..common.checks import check_count, settle
from ..common.identity import Identified
from ..models import Model
from .arithmetic import fourier, inverse_fourier, open_register
from .control import branch, repeat_at_most, repeat_while
from .fields import FieldLoader
from .integers import IntegerFields


@dataclass
class Workspace:
    """The qubits and bits that a neuron may use besides its output.

    Attributes:
        block_ancilla: gives the ancilla, in |0>, for a block of the given level (1..k).
        register: the sum register of a threshold neuron.
        postselect: takes an ancilla that must end in |0> for the run to count.
        flags: one bit a level, for loops.
        rejected: set to 1 when a bounded loop runs out of attempts.
        counter: counts level-1 attempts where it is given.
        final: whether the circuit ends here, so that nothing needs to be undone.
    """

    block_ancilla: Callable[[int], Qubit]
    postselect: Callable[[Qubit], None]
    register: Sequence[Qubit] = ()
    flags: Sequence[Clbit] = ()
    rejected: Clbit | None = None
    counter: ClassicalRegister | None = None
    final: bool = False


class Neuron(Identified, ABC):
    """How a neuron answers to its field."""

    @property
    @abstractmethod
    def ancillas(self) -> int:
        """Ancilla qubits besides the output where they are reset and used again."""

    @property
    def coherent_ancillas(self) -> int:
        """Ancilla qubits that one update leaves behind where nothing is measured before the end."""
        return 0

    @property
    def repeats(self) -> bool:
        """Whether the circuit holds loops (repeat until success)."""
        return False

    @abstractmethod
    def prepare(self, model: Model, gain: float) -> PreparedNeuron:
        """Fits the neuron to a model and a gain: the law of its updates."""

    @abstractmethod
    def append(
        self, circuit: QuantumCircuit, load: FieldLoader, output: Qubit, work: Workspace
    ) -> None:
        """Adds one update to a circuit.

        Args:
            circuit: what the gates are added to.
            load: the neuron's local field.
            output: a qubit in |0> that receives the new state.
            work: ancillas and bits.
        """


@dataclass(frozen=True)
class PreparedNeuron:
    """The law of a neuron in a given model: every method vectorised over T trajectories.

    Attributes:
        model: the model whose fields the neuron answers to (rounded, if it had to be).
        gain: angle in radians per unit of field.
        level: nesting of the neuron, or None for the exact threshold.
        attempts: bound on the tries of a block, None for until success.
        integers: the integer fields of a threshold neuron.
    """

    model: Model
    gain: float
    level: int | None
    attempts: int | None = None
    integers: IntegerFields | None = field(default=None, repr=False)

    def parameter(
        self,
        neurons: int | NDArray[np.int64],
        fields: NDArray[np.float64],
        spins: NDArray[np.int8],
    ) -> NDArray[np.float64]:
        """What a :class:`~.fields.ClassicalField` is bound to, (T,)."""
        if self.integers is not None:
            return self.integers.register_values(neurons, fields, spins)
        return math.pi / 4.0 - self.gain * fields

    def probability(
        self,
        neurons: int | NDArray[np.int64],
        fields: NDArray[np.float64],
        spins: NDArray[np.int8],
    ) -> NDArray[np.float64]:
        """Probability of +1, (T,), given that the update ends."""
        if self.integers is not None:
            return (self.integers.register_values(neurons, fields, spins) >= 0).astype(float)
        assert self.level is not None  # only the threshold neuron has none
        # laws.neuron_probability in one step, by 2 artanh tan x = artanh sin 2x.  The law squares
        # level by level, which keeps gradients finite and takes several times as long.
        with np.errstate(divide="ignore"):  # artanh(+-1) is infinite, and its probability 0 or 1
            turn = np.arctanh(np.sin((2.0 * self.gain) * fields))
        return np.asarray(expit(2.0 ** (self.level + 1) * turn))

    def acceptance(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that the update ends within its bound on attempts, (T,)."""
        if self.attempts is None or not self.level:
            return np.ones_like(fields)
        return np.asarray(laws.neuron_acceptance(fields, self.gain, self.level, self.attempts))

    def blocks(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean number of level-1 blocks of an update that ends, (T,); 0 without blocks."""
        return self.rotations(fields) / 2.0 if self.level else np.zeros_like(fields)

    def rotations(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean number of field loadings of an update that ends, (T,); 1 without blocks."""
        if not self.level:
            return np.ones_like(fields)
        return np.asarray(laws.neuron_rotations(fields, self.gain, self.level, self.attempts))

    def all_blocks(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean number of blocks of all levels of an update that ends, (T,)."""
        if not self.level:
            return np.zeros_like(fields)
        return np.asarray(laws.neuron_blocks(fields, self.gain, self.level, self.attempts))

    def folded(self, fields: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Where the field exceeds the gain's range, so that the response folds back, (T,)."""
        if self.integers is not None:
            return np.zeros(fields.shape, dtype=bool)
        return np.asarray(np.abs(self.gain * fields) > (math.pi / 4.0) * (1.0 + 1e-9))


@dataclass(frozen=True)
class RotationNeuron(Neuron):
    """The plain rotation, level 0: ``P(+1) = (1 + sin(2 gain h)) / 2``.

    Source: Miller and Mukhopadhyay 2021, arXiv:2105.11590 (a neuron without mid-circuit
    measurement); Cao et al. 2017, arXiv:1711.11240 (its angle).
    """

    @property
    def level(self) -> int:
        """Nesting of the neuron: 0."""
        return 0

    @property
    def ancillas(self) -> int:
        """See :attr:`Neuron.ancillas`."""
        return 0

    def prepare(self, model: Model, gain: float) -> PreparedNeuron:
        """See :meth:`Neuron.prepare`."""
        return PreparedNeuron(model, gain, level=0)

    def append(
        self, circuit: QuantumCircuit, load: FieldLoader, output: Qubit, work: Workspace
    ) -> None:
        """See :meth:`Neuron.append`."""
        load.rotate(circuit, output)


@dataclass(frozen=True)
class RUSNeuron(Neuron):
    """The repeat-until-success neuron of level k: a heat bath of inverse temperature ~2^(k+1) gain.

    One block turns an angle theta into ``arctan(tan^2 theta)``; a failure (probability
    ``sin^2(2 theta) / 2``) leaves ``R_y(-pi/2)`` on the output, which ``R_y(+pi/2)`` mends before
    the next try.  Level k nests k blocks.

    Args:
        level: number of nested blocks, >= 1 (level 0 is :class:`RotationNeuron`).
        attempts: most tries of each block, >= 1.  None repeats until success (a loop in the
            circuit); 1 is post-selection (no loop: runs with a failed block are thrown away).

    Raises:
        ValueError: ``level`` < 1 or ``attempts`` < 1.

    Source: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240.  The recovery rotation here is
    ``R_y(+pi/2)``; a printed version of the paper is reported to have the opposite sign, which the
    algebra and the tests of this package exclude for this order of gates.
    """

    level: int = 1
    attempts: int | None = None

    def __post_init__(self) -> None:
        settle(self, level=check_count(self.level, "level", minimum=0))
        if self.level == 0:
            raise ValueError("RUSNeuron needs level >= 1; use RotationNeuron() for level 0.")
        if self.level > 12:
            raise ValueError(
                f"level {self.level} costs up to 4^{self.level} rotations an update; levels up to "
                "12 are allowed. Use ThresholdNeuron() for the exact sign."
            )
        if self.attempts is not None:
            settle(self, attempts=check_count(self.attempts, "attempts", minimum=1))

    @property
    def ancillas(self) -> int:
        """See :attr:`Neuron.ancillas`."""
        return self.level

    @property
    def coherent_ancillas(self) -> int:
        """See :attr:`Neuron.coherent_ancillas`: one a block, ``2^k - 1``."""
        return int(2**self.level) - 1

    @property
    def repeats(self) -> bool:
        """See :attr:`Neuron.repeats`."""
        return self.attempts != 1

    def prepare(self, model: Model, gain: float) -> PreparedNeuron:
        """See :meth:`Neuron.prepare`."""
        return PreparedNeuron(model, gain, level=self.level, attempts=self.attempts)

    def append(
        self, circuit: QuantumCircuit, load: FieldLoader, output: Qubit, work: Workspace
    ) -> None:
        """See :meth:`Neuron.append`."""
        self._unit(circuit, load, self.level, output, False, work)

    def _unit(
        self,
        circuit: QuantumCircuit,
        load: FieldLoader,
        level: int,
        target: Qubit,
        inverse: bool,
        work: Workspace,
    ) -> None:
        """Turns ``target`` by ``R_y(+-2 theta_level)``."""
        if level == 0:
            load.rotate(circuit, target, inverse=inverse)
            return
        ancilla = work.block_ancilla(level)
        recovery = -math.pi / 2.0 if inverse else math.pi / 2.0
        if self.attempts == 1:
            self._try(circuit, load, level, ancilla, target, inverse, work)
            work.postselect(ancilla)
            return
        flag = work.flags[level - 1]

        def once(body: QuantumCircuit) -> None:
            self._try(body, load, level, ancilla, target, inverse, work)
            body.measure(ancilla, flag)

        def recover(body: QuantumCircuit) -> None:
            body.reset(ancilla)
            body.ry(recovery, target)

        def until_success(body: QuantumCircuit) -> None:
            once(body)
            branch(body, flag, 1, recover)

        if self.attempts is None:
            circuit.store(flag, True)
            repeat_while(circuit, flag, until_success)
            return
        repeat_at_most(circuit, self.attempts, flag, once, recover)
        circuit.store(work.rejected, expr.bit_or(work.rejected, flag))

    def _try(
        self,
        circuit: QuantumCircuit,
        load: FieldLoader,
        level: int,
        ancilla: Qubit,
        target: Qubit,
        inverse: bool,
        work: Workspace,
    ) -> None:
        """One attempt of a block: forward, controlled -iY, backward."""
        self._unit(circuit, load, level - 1, ancilla, False, work)
        controlled_turn(circuit, ancilla, target, inverse=inverse)
        self._unit(circuit, load, level - 1, ancilla, True, work)
        if level == 1 and work.counter is not None:
            increment(circuit, work.counter)


@dataclass(frozen=True)
class ThresholdNeuron(Neuron):
    """The exact sign of the local field; a tie keeps the old state.

    The field is added up as an integer in a register and its sign bit copied out.  Hebbian weights
    and polynomial separation functions are integers up to a scale and exact; anything else is
    rounded, and the error reported in the resources.

    Args:
        bits: bits, sign included, that a weight is rounded to where rounding is needed, 2..30.

    Raises:
        ValueError: ``bits`` is out of range.

    Source: register arithmetic after Draper 2000, arXiv:quant-ph/0008033.
    """

    bits: int = 10

    def __post_init__(self) -> None:
        settle(self, bits=check_count(self.bits, "bits", minimum=2, maximum=30))

    @property
    def ancillas(self) -> int:
        """See :attr:`Neuron.ancillas`; the sum register depends on the model and is not counted."""
        return 0

    def prepare(self, model: Model, gain: float) -> PreparedNeuron:
        """See :meth:`Neuron.prepare`; the gain plays no part."""
        integers = IntegerFields(model, self.bits)
        return PreparedNeuron(integers.model, gain, level=None, integers=integers)

    def append(
        self, circuit: QuantumCircuit, load: FieldLoader, output: Qubit, work: Workspace
    ) -> None:
        """See :meth:`Neuron.append`."""
        open_register(circuit, work.register)
        load.accumulate(circuit, work.register)
        inverse_fourier(circuit, work.register)
        circuit.cx(work.register[-1], output)
        if not work.final:
            fourier(circuit, work.register)
            load.accumulate(circuit, work.register, inverse=True)
            open_register(circuit, work.register)


def controlled_turn(
    circuit: QuantumCircuit, control: Qubit, target: Qubit, *, inverse: bool = False
) -> None:
    """Controlled ``-iY = R_y(pi)``, or its inverse, with one two-qubit gate.

    ``C-R_y(pi) = R_y(pi/2) exp(i pi/4 Z Y)``, the second factor an RZZ between changes of basis.
    """
    sign = -1.0 if inverse else 1.0
    circuit.sdg(target)
    circuit.h(target)
    circuit.rzz(-sign * math.pi / 2.0, control, target)
    circuit.h(target)
    circuit.s(target)
    circuit.ry(sign * math.pi / 2.0, target)


def increment(circuit: QuantumCircuit, counter: ClassicalRegister) -> None:
    """Adds one to a classical register, by bit operations that every simulator here knows."""
    for position in range(len(counter) - 1, 0, -1):
        carry: expr.Expr = expr.lift(counter[0])
        for lower in range(1, position):
            carry = expr.bit_and(carry, counter[lower])
        circuit.store(counter[position], expr.bit_xor(counter[position], carry))
    circuit.store(counter[0], expr.bit_not(counter[0]))
