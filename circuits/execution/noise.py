"""Noise models for Aer from a few numbers that a device's data sheet gives."""

from __future__ import annotations

import math

from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError
from qiskit_aer.noise.errors import depolarizing_error, pauli_error, thermal_relaxation_error

from ..common.checks import check_real

TWO_QUBIT_GATES = ("cx", "cz", "ecr", "rzz")
"""The two-qubit gates that get an error; circuits are translated to them."""

ONE_QUBIT_GATES = ("h", "id", "rx", "ry", "sx", "x")
"""The one-qubit gates that get an error; rz is a change of frame and gets none."""


def make_noise(
    *,
    two_qubit: float = 0.0,
    one_qubit: float = 0.0,
    readout: float = 0.0,
    reset: float = 0.0,
    t1: float | None = None,
    t2: float | None = None,
    two_qubit_time: float = 300.0,
    one_qubit_time: float = 50.0,
    readout_time: float = 1000.0,
) -> NoiseModel:
    """Makes a noise model that is the same for all qubits.

    A gate first depolarises its qubits and then lets them relax for as long as it takes; a
    read-out relaxes the qubit first.  A qubit that waits does not relax: circuits have no schedule
    here.  With all errors 0 the model is ideal, and circuits still run on its gates.

    Args:
        two_qubit: probability p of ``rho -> (1 - p) rho + p I / 4`` after cx, cz, ecr, rzz.
        one_qubit: the same with ``I / 2`` after h, id, rx, ry, sx, x; rz is a change of frame,
            without error.
        readout: probability that a measured bit is recorded wrongly, from 0 as from 1.
        reset: probability that a reset leaves a qubit in 1. The default is a perfect reset: data
            sheets rarely give one. A device that resets by measuring and flipping errs about as
            often as it reads wrongly. Relaxation adds nothing to it, for it leaves a 0 alone.
        t1: relaxation time in microseconds; None for no relaxation.
        t2: dephasing time in microseconds, at most ``2 t1``; None for ``2 t1``, where relaxation
            is all the dephasing that there is.
        two_qubit_time: how long a two-qubit gate takes, nanoseconds.
        one_qubit_time: how long a one-qubit gate takes, nanoseconds.
        readout_time: how long a read-out takes, nanoseconds.

    Raises:
        TypeError: an argument is no real number.
        ValueError: a probability outside [0, 1], a time that is not positive, or ``t2 > 2 t1``.

    Example:
        >>> from qhopfield.circuits.execution import make_noise
        >>> sorted(make_noise(two_qubit=0.01, readout=0.02).noise_instructions)
        ['cx', 'cz', 'ecr', 'measure', 'rzz']
    """
    two_qubit = check_real(two_qubit, "two_qubit", minimum=0.0, maximum=1.0)
    one_qubit = check_real(one_qubit, "one_qubit", minimum=0.0, maximum=1.0)
    readout = check_real(readout, "readout", minimum=0.0, maximum=1.0)
    reset = check_real(reset, "reset", minimum=0.0, maximum=1.0)
    times = {
        name: check_real(value, name, minimum=0.0, exclusive=True)
        for name, value in (
            ("two_qubit_time", two_qubit_time),
            ("one_qubit_time", one_qubit_time),
            ("readout_time", readout_time),
        )
    }
    lives = _lives(t1, t2)
    noise = NoiseModel(basis_gates=[*ONE_QUBIT_GATES, "rz", *TWO_QUBIT_GATES])
    double = depolarizing_error(two_qubit, 2)
    single = depolarizing_error(one_qubit, 1)
    if lives is not None:
        pair = _relaxation(lives, times["two_qubit_time"])
        double = double.compose(pair.tensor(pair))
        single = single.compose(_relaxation(lives, times["one_qubit_time"]))
        noise.add_all_qubit_quantum_error(_relaxation(lives, times["readout_time"]), "measure")
    if not double.ideal():
        noise.add_all_qubit_quantum_error(double, list(TWO_QUBIT_GATES))
    if not single.ideal():
        noise.add_all_qubit_quantum_error(single, list(ONE_QUBIT_GATES))
    if reset:
        noise.add_all_qubit_quantum_error(pauli_error([("X", reset), ("I", 1.0 - reset)]), "reset")
    if readout:
        wrong = ReadoutError([[1.0 - readout, readout], [readout, 1.0 - readout]])
        noise.add_all_qubit_readout_error(wrong)
    return noise


def _lives(t1: float | None, t2: float | None) -> tuple[float, float] | None:
    """Relaxation and dephasing time in nanoseconds, or None where neither is given."""
    if t1 is None and t2 is None:
        return None
    relaxing = math.inf if t1 is None else check_real(t1, "t1", minimum=0.0, exclusive=True)
    dephasing = 2 * relaxing if t2 is None else check_real(t2, "t2", minimum=0.0, exclusive=True)
    if dephasing > 2 * relaxing:
        raise ValueError(
            f"t2 must be at most 2 t1 = {2 * relaxing:g} microseconds, since relaxation dephases; "
            f"got {dephasing:g}."
        )
    return 1e3 * relaxing, 1e3 * dephasing


def _relaxation(lives: tuple[float, float], time: float) -> QuantumError:
    return thermal_relaxation_error(*lives, time)
