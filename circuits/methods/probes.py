"""Probes: spin expectations, or states of qubits with their amplitudes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Statevector

from ..common.cost import refuse_memory
from ..models import complete
from ..patterns import check_probes, to_spins
from .base import Probes


def as_states(probes: Probes) -> list[Statevector] | None:
    """The probes as statevectors, or None where they are spin expectations.

    Raises:
        TypeError: some are statevectors and some are not.
    """
    if isinstance(probes, Statevector):
        return [probes]
    if isinstance(probes, (list, tuple)) and any(isinstance(each, Statevector) for each in probes):
        for each in probes:
            if not isinstance(each, Statevector):
                raise TypeError("probes must be all Statevectors or all spin expectations.")
        return list(probes)
    return None


def expectations_of(probes: Probes, num_neurons: int) -> NDArray[np.float64]:
    """Spin expectations <Z_i> of probes, (P, N), checked.

    Raises:
        TypeError: ``probes`` holds no real numbers.
        ValueError: a wrong shape, width or value.
    """
    states = as_states(probes)
    if states is None:
        return check_probes(probes, num_neurons)
    rows = []
    signs = 1.0 - 2.0 * (np.arange(2**num_neurons)[:, None] >> np.arange(num_neurons) & 1)
    for state in states:
        check_state(state, num_neurons)
        rows.append(np.asarray(state.probabilities()) @ signs)
    return np.asarray(np.clip(np.stack(rows), -1.0, 1.0))


def one_row(probe: Probes, num_neurons: int) -> NDArray[np.float64]:
    """One probe's spin expectations, (N,).

    Raises:
        ValueError: more than one probe, or a wrong width or value.
    """
    rows = check_probes(probe, num_neurons, name="probe")
    if len(rows) != 1:
        raise ValueError(
            f"probe must be one probe of shape ({num_neurons},), got {len(rows)} rows."
        )
    return np.asarray(rows[0])


def check_state(state: Statevector, num_neurons: int) -> None:
    """Refuses a state of another width, or one that is not normalised."""
    if state.num_qubits != num_neurons:
        raise ValueError(
            f"A probe with amplitudes must have {num_neurons} qubits, got {state.num_qubits}."
        )
    if not math.isclose(float(np.vdot(state.data, state.data).real), 1.0, abs_tol=1e-9):
        raise ValueError("A probe with amplitudes must be normalised.")


def refuse_trajectories(probes: int, shots: int, num_neurons: int) -> None:
    """Refuses shots that are each a state of their own where they do not fit in memory.

    Raises:
        ValueError: they do not.
    """
    refuse_memory(
        48.0 * probes * shots * num_neurons,
        f"shots={shots} of {probes} probes of {num_neurons} neurons, each with a state of its own,",
        "Use fewer shots or probes at a time, or a method that counts patterns and keeps no states "
        "(FilteredMemory, AmplifiedMemory).",
    )


def draw_starts(
    probes: Probes, num_neurons: int, shots: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Measures every probe ``shots`` times, classically: (P * shots, N), probe by probe."""
    states = as_states(probes)
    if states is None:
        expectations = check_probes(probes, num_neurons)
        refuse_trajectories(len(expectations), shots, num_neurons)
        return complete(np.repeat(expectations, shots, axis=0), num_neurons, seed=rng)
    refuse_trajectories(len(states), shots, num_neurons)
    drawn = []
    for state in states:
        check_state(state, num_neurons)
        probabilities = np.asarray(state.probabilities())
        indices = rng.choice(len(probabilities), size=shots, p=probabilities)
        drawn.append(to_spins((indices[:, None] >> np.arange(num_neurons) & 1).astype(np.uint8)))
    return np.concatenate(drawn)
