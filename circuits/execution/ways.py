"""How a circuit without noise is simulated, by what each way costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit

# Microseconds on one core (Aer 0.18, AMD EPYC, circuits of 20 to 900 gates on 5 to 24 qubits).
_GATE = 1.5  # a gate on a small state that is evolved once a shot
_AMPLITUDE = 0.006  # a gate, for each amplitude of a state vector
_DRAW = 3.0  # a shot drawn from a state vector at the end
_TENSOR = 15.0  # a gate on a matrix product state
_BOND = 0.007  # the same, for each cube of the rank
_SITE = 4.0  # a qubit of a shot drawn from a matrix product state
_SITE_BOND = 0.017  # the same, for each square of the rank
# A state of more amplitudes than this is not worth it: the choice must not hang on the machine.
_WIDEST = 26


@dataclass(frozen=True)
class Way:
    """One way to simulate a circuit.

    Attributes:
        method: Aer's name of it.
        late: whether all measurements are put off to the end.
        cost: rough microseconds.
    """

    method: str
    late: bool
    cost: float


def cheapest(
    circuit: QuantumCircuit,
    late: QuantumCircuit,
    methods: Sequence[str],
    *,
    rank: int | None,
    rows: int,
    shots: int,
) -> Way:
    """The way that costs least; the first of them where nothing is known of any.

    Args:
        circuit: it measures on the way, so that each shot is evolved.
        late: the same with all measurements at the end, so that each row is.
        methods: Aer's methods that may be taken, the one to fall back on first.
        rank: a bound on the Schmidt rank of the circuit's states, or None.
        rows: how many states are evolved where the shots of each come from one.
        shots: how many where each shot is evolved.
    """
    ways = list(_ways(circuit, late, methods, rank, rows, shots))
    if not ways:
        return Way(methods[0], False, float("nan"))
    return min(ways, key=lambda way: way.cost)


def _ways(
    circuit: QuantumCircuit,
    late: QuantumCircuit,
    methods: Sequence[str],
    rank: int | None,
    rows: int,
    shots: int,
) -> Iterator[Way]:
    for method in methods:
        if method == "matrix_product_state":
            if rank is None:
                continue
            yield Way(method, False, shots * len(circuit.data) * bond_cost(rank))
            # A copy of a bit that was measured takes its part of the rank along.
            drawn = late.num_qubits * (_SITE + _SITE_BOND * (2 * rank) ** 2)
            yield Way(method, True, rows * len(late.data) * bond_cost(2 * rank) + shots * drawn)
        else:
            if circuit.num_qubits <= _WIDEST:
                evolved = len(circuit.data) * (_GATE + _AMPLITUDE * 2**circuit.num_qubits)
                yield Way(method, False, shots * evolved)
            if late.num_qubits <= _WIDEST:
                evolved = len(late.data) * (_GATE + _AMPLITUDE * 2**late.num_qubits)
                yield Way(method, True, rows * evolved + shots * _DRAW)


def bond_cost(rank: float) -> float:
    """Rough microseconds of a gate on a matrix product state of a rank."""
    return _TENSOR + _BOND * float(rank) ** 3
