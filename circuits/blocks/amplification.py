"""Amplitude amplification: reflections about the prepared and about the good states.

With ``A`` the loader followed by a coherent filter, and the good states those whose filter
ancillas are all 0, one round is ``Q = -A S_0 A^-1 S_good``; r rounds take the acceptance P to
``sin^2((2r + 1) arcsin sqrt P)`` and cost 2r + 1 runs of A.  The fixed-point variant takes phases
in place of signs and never overshoots.

Sources: Brassard et al. 2002, arXiv:quant-ph/0005055; Yoder, Low and Chuang 2014, arXiv:1409.3305.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Qubit

from ..common.checks import check_count, check_real
from ..common.cost import refuse_gates


def phase_of_zero(circuit: QuantumCircuit, qubits: Sequence[Qubit], phase: float = math.pi) -> None:
    """Multiplies the amplitude of ``qubits`` all 0 by ``e^(i phase)``; by -1 by default.

    On the filter ancillas it marks the good states; on all qubits of A, between ``A^-1`` and A, it
    reflects about the prepared state.

    Raises:
        ValueError: no qubits.
    """
    check_count(len(qubits), "the number of reflected qubits", minimum=1)
    circuit.x(list(qubits))
    *controls, target = qubits
    if not controls:
        circuit.p(phase, target)
    elif len(controls) == 1:
        circuit.cp(phase, controls[0], target)
    else:
        circuit.mcp(phase, controls, target)
    circuit.x(list(qubits))


def amplify(
    circuit: QuantumCircuit,
    prepare: QuantumCircuit,
    good: Sequence[Qubit],
    rounds: int,
    *,
    tolerance: float | None = None,
) -> None:
    """Adds rounds of amplitude amplification to a circuit in which ``prepare`` has just run.

    Args:
        circuit: what the gates are added to; it must hold the qubits of ``prepare``.
        prepare: A, without measurements, on qubits that were all |0>.
        good: the qubits that are all 0 in the good states (the filter's ancillas).
        rounds: r, >= 0.
        tolerance: the delta of fixed-point amplification, in (0, 1); None for the plain one.

    Raises:
        TypeError: ``rounds`` is no integer, ``tolerance`` no number.
        ValueError: ``rounds`` < 0, ``tolerance`` outside (0, 1), or no good qubits.
    """
    rounds = check_count(rounds, "rounds")
    refuse_gates(
        2.0 * rounds * (len(prepare.data) + 2),
        f"rounds={rounds} of amplification",
        "Use fewer rounds (rounds='auto'), or exact=True, whose law takes any number.",
    )
    about_good = about_prepared = np.full(rounds, math.pi)
    if tolerance is not None:
        about_prepared, about_good = fixed_point_phases(rounds, tolerance)
    unprepare = prepare.inverse()
    for start, mark in zip(about_prepared.tolist(), about_good.tolist(), strict=True):
        phase_of_zero(circuit, good, mark)
        circuit.compose(unprepare, prepare.qubits, inplace=True)
        phase_of_zero(circuit, prepare.qubits, start)
        circuit.compose(prepare, prepare.qubits, inplace=True)
        circuit.global_phase += math.pi


def fixed_point_phases(
    rounds: int, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phases about the prepared and about the good states, round by round.

    ``alpha_j = 2 arccot(tan(2 pi j / L) sqrt(1 - gamma^2))`` and ``beta_(l-j+1) = -alpha_j`` with
    ``L = 2l + 1`` and ``1/gamma = T_(1/L)(1/delta)``.

    Args:
        rounds: l, >= 0.
        tolerance: delta, in (0, 1): failures end below ``delta^2``.

    Returns:
        Two arrays of l phases: those put on the prepared state, and on the good states.

    Raises:
        TypeError: the arguments are no numbers.
        ValueError: ``rounds`` < 0 or ``tolerance`` outside (0, 1).

    Source: Yoder, Low and Chuang 2014, arXiv:1409.3305, equation 11.
    """
    rounds = check_count(rounds, "rounds")
    tolerance = check_real(tolerance, "tolerance", minimum=0.0, maximum=1.0, exclusive=True)
    if tolerance == 1.0:
        raise ValueError("tolerance must be below 1, got 1.")
    length = 2 * rounds + 1
    inverse_gamma = math.cosh(math.acosh(1.0 / tolerance) / length)
    j = np.arange(1, rounds + 1)
    cotangent = np.tan(2.0 * math.pi * j / length) * math.sqrt(1.0 - inverse_gamma**-2)
    alpha = 2.0 * np.arctan2(1.0, cotangent)
    # Their S_s(alpha) puts e^(-i alpha) on the prepared state, S_t(beta) e^(i beta) on the good.
    return -alpha, -alpha[::-1]
