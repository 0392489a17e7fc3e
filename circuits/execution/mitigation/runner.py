"""A runner around a runner: the same circuits, run and read so that errors weigh less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler
from qiskit.transpiler import Target

from ...common.checks import shown
from ..kept import Kept
from .decoupling import decoupled
from .extrapolation import extrapolation_weights, nearest_weights
from .folding import fold
from .readout import Calibration, Counted, measured_qubits
from .settings import Mitigation

# A run counts if no bit of these registers is 1; circuits of several parts number them, "failed_0".
_REJECTING = ("failed", "rejected")
_GRAIN = 2.0**20


class Inner(Protocol):
    """What a mitigated runner asks of the runner inside: to make ready, then to run as it is."""

    name: str

    @property
    def target(self) -> Target | None:
        """The device's gates and their durations, where there is one."""
        ...

    @property
    def ideal(self) -> bool:
        """Whether it has no noise; see :class:`...methods.base.Runner`."""
        ...

    def admit(
        self,
        num_qubits: int,
        alternative: str,
        *,
        rank: int | None = None,
        simpler: str | None = None,
    ) -> None:
        """Refuses a circuit that is too wide."""
        ...

    def close(self) -> None:
        """Says what a run as a whole has shown."""
        ...

    def transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit as it runs."""
        ...

    def placed(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Circuits whose qubits are the device's own, in the device's gates."""
        ...

    def execute(
        self,
        circuits: Sequence[QuantumCircuit],
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[list[dict[int, int]]]:
        """Runs circuits that are ready, in one job where it can, each for every row."""
        ...


class MitigatedRunner:
    """Runs circuits with error mitigation.

    A circuit is transpiled, folded for every factor of ``zero_noise``, and decoupled, in this
    order.  The counts of each factor are corrected for read-out errors, reading by reading with
    the rejected ones among them; the weights of the accepted readings, and of acceptance itself,
    are then extrapolated.  What comes back are counts that are no integers: those of accepted
    readings, and all rejected runs under one reading.  Their sum is the number of shots.

    Quasi-weights below 0, which both corrections may give, are replaced by the nearest weights >= 0
    with the extrapolated acceptance as their sum (an acceptance outside [0, 1] is cut).

    Args:
        runner: an :class:`~..aer.AerRunner` or :class:`~..primitives.SamplerRunner`.
        mitigation: what to mitigate.

    Attributes:
        name: the runner's, and what is mitigated.
        overhead: the largest inflation of variance so far, >= 1: S shots for every factor are
            worth at least ``S / overhead`` shots without mitigation.  Read-out correction enters
            by M3's bound, extrapolation by its coefficients; the uncertainty of the calibration
            is not in it.
        negative: the largest share of negative quasi-weight that was replaced so far.

    Raises:
        ImportError: read-out mitigation without mthree.
        ValueError: read-out mitigation of a sampler that has no read-out.
    """

    def __init__(self, runner: Inner, mitigation: Mitigation) -> None:
        if not all(callable(getattr(runner, verb, None)) for verb in ("admit", "execute")):
            raise TypeError(f"runner must be an AerRunner or a SamplerRunner, got {shown(runner)}.")
        if not isinstance(mitigation, Mitigation):
            raise TypeError(f"mitigation must be a Mitigation, got {shown(mitigation)}.")
        self._inner = runner
        self._mitigation = mitigation
        self._calibration: Calibration | None = None
        if mitigation.readout:
            if isinstance(getattr(runner, "sampler", None), StatevectorSampler):
                raise ValueError(
                    "StatevectorSampler computes probabilities and has no read-out to calibrate: "
                    "leave Mitigation(readout=True) out, or use a device or Aer."
                )
            self._calibration = Calibration(mitigation.calibration_shots)
        self._folded: Kept[list[QuantumCircuit]] = Kept()
        self.overhead = 1.0
        self._readout_overhead = 1.0
        self.negative = 0.0
        parts = [
            "read-out" if mitigation.readout else "",
            f"zero noise {mitigation.extrapolation}" if mitigation.zero_noise else "",
            f"decoupling {mitigation.decoupling}" if mitigation.decoupling else "",
        ]
        self._suffix = ", mitigated: " + ", ".join(filter(None, parts)) if any(parts) else ""
        self.name = self._inner.name + self._suffix

    @property
    def ideal(self) -> bool:
        """Whether what it wraps has no noise."""
        return self._inner.ideal

    def admit(
        self,
        num_qubits: int,
        alternative: str,
        *,
        rank: int | None = None,
        simpler: str | None = None,
    ) -> None:
        """Refuses a circuit that is too wide; see :class:`...methods.base.Runner`."""
        self._inner.admit(num_qubits, alternative, rank=rank, simpler=simpler)
        self.name = self._inner.name + self._suffix

    def close(self) -> None:
        """Says what a run as a whole has shown; see :class:`...methods.base.Runner`."""
        self._inner.close()

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[dict[int, Any]]:
        """Runs ``circuit`` for every row of ``values``; see :class:`...methods.base.Runner`.

        The counts are no integers.

        Raises:
            ValueError: the circuit branches or repeats, or the device lacks what mitigation needs.
        """
        ready = self._folded.get(circuit, self._prepare)
        read = measured_qubits(ready[0])
        if self._calibration is not None:
            self._calibrate(read, ready[0].num_qubits, rng)
        counted = self._inner.execute(ready, parameters, values, shots, rng)
        self.name = self._inner.name + self._suffix  # Aer says how it has simulated
        rejecting = _rejecting_bits(circuit)
        floor = 0.5 ** len(read)  # what a wholly mixed state gives each reading
        tables, keys = [], []
        for row in range(len(shots)):
            table, accepted = self._table([each[row] for each in counted], read, rejecting)
            tables.append(table)
            keys.append(accepted)
        coefficients = self._coefficients(tables, floor)
        return [
            self._settled(table, accepted, coefficients, floor, rejecting, int(total))
            for table, accepted, total in zip(tables, keys, shots, strict=True)
        ]

    def _prepare(self, circuit: QuantumCircuit) -> list[QuantumCircuit]:
        """The circuits that run, one a factor of the noise."""
        if circuit.has_control_flow_op():
            raise ValueError(
                "This circuit branches or repeats by what it has measured: single bits of single "
                "shots steer it, which mitigation cannot correct afterwards, and a loop cannot be "
                "folded or scheduled. Use RUSNeuron(attempts=1), RotationNeuron() or "
                "ThresholdNeuron() with register='coherent' or 'reuse', or leave mitigation out."
            )
        ready = self._inner.transpiled(circuit)
        made = [fold(ready, factor) for factor in self._mitigation.zero_noise or (1,)]
        sequence = self._mitigation.decoupling
        if sequence is not None:
            target, device = self._inner.target, self._inner.name
            made = [decoupled(each, sequence, target, device) for each in made]
        return made

    def _calibrate(self, read: dict[int, int], width: int, rng: np.random.Generator) -> None:
        assert self._calibration is not None  # the caller has looked

        def run(circuits: Sequence[QuantumCircuit], each: int) -> list[dict[int, int]]:
            placed, once = self._inner.placed(circuits), np.zeros((1, 0))
            counted = self._inner.execute(placed, (), once, np.array([each]), rng)
            return [rows[0] for rows in counted]

        self._calibration.calibrate(list(read.values()), width, run)

    def _table(
        self, counted: Sequence[Counted], read: dict[int, int], rejecting: int
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Signed weights of one row: (S, K + 1), the last column being acceptance; and K keys."""
        weights: list[dict[int, float]] = []
        for counts in counted:
            total = sum(counts.values())
            if not total:
                weights.append({})
            elif self._calibration is None or not read:
                weights.append({key: count / total for key, count in counts.items()})
            else:
                corrected, inflation = self._calibration.correct(counts, read)
                weights.append(corrected)
                self._readout_overhead = max(self._readout_overhead, inflation)
        keys = sorted({key for each in weights for key in each if not key & rejecting})
        table = np.zeros((len(weights), len(keys) + 1))
        for j, each in enumerate(weights):
            table[j, :-1] = [each.get(key, 0.0) for key in keys]
            table[j, -1] = table[j, :-1].sum()
        return table, keys

    def _coefficients(
        self, tables: Sequence[NDArray[np.float64]], floor: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients for answers and for acceptance, the same for all rows: one circuit."""
        factors, rule = self._mitigation.zero_noise, self._mitigation.extrapolation
        answers, accepted = (np.ones(1), 1.0), (np.ones(1), 1.0)
        if factors is not None:
            joined = np.hstack([table[:, :-1] for table in tables])
            answers = extrapolation_weights(factors, rule, joined, floor)
            # An acceptance may start close to where it decays to, and then tells no rate of its
            # own; that of the answers is another, and took it beyond both (measured).
            smooth = "linear" if rule == "exponential" else rule
            accepted = extrapolation_weights(factors, smooth)
        self.overhead = max(self.overhead, self._readout_overhead * max(answers[1], accepted[1]))
        return answers[0], accepted[0]

    def _settled(
        self,
        table: NDArray[np.float64],
        keys: list[int],
        coefficients: tuple[NDArray[np.float64], NDArray[np.float64]],
        floor: float,
        rejecting: int,
        shots: int,
    ) -> dict[int, float]:
        """Counts >= 0 of one row, from weights at every factor."""
        if not shots:
            return {}
        signed = floor + coefficients[0] @ (table[:, :-1] - floor)
        acceptance = float(coefficients[1] @ table[:, -1]) if rejecting else 1.0
        acceptance = min(max(acceptance, 0.0), 1.0)
        counts: dict[int, float] = {}
        if keys:
            self.negative = max(self.negative, float(-np.minimum(signed, 0.0).sum()))
            # Multiples of 2^-20 add up without rounding, and never to more than the shots.
            settled = np.floor(shots * nearest_weights(signed, acceptance) * _GRAIN) / _GRAIN
            counts = {
                key: count for key, count in zip(keys, settled.tolist(), strict=True) if count > 0.0
            }
        left = shots - sum(counts.values())
        if left > 0.0:
            rest = rejecting & -rejecting if rejecting else max(counts, key=lambda key: counts[key])
            counts[rest] = counts.get(rest, 0.0) + left
        return counts


def _rejecting_bits(circuit: QuantumCircuit) -> int:
    """Mask of the bits of which none may be 1 in an accepted run."""
    return sum(
        1 << circuit.find_bit(bit).index
        for register in circuit.cregs
        if register.name.partition("_")[0] in _REJECTING
        for bit in register
    )
