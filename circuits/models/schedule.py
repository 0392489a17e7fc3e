"""Which neuron is updated when: one set of orders for classical and quantum dynamics."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import as_array, check_choice, check_count, check_kind, shown
from ..common.cost import refuse_memory

Order: TypeAlias = str | ArrayLike
"""``"sequential"``, ``"random"`` or an array of neuron indices."""

ORDERS = ("sequential", "random")


def check_order(order: Order, num_neurons: int, sweeps: int) -> str | NDArray[np.int64]:
    """Returns ``order`` as one of the known words or as an array of neuron indices.

    Args:
        order: ``"sequential"`` (0, 1, ..., N - 1), ``"random"`` (every trajectory draws its own
            permutation each sweep) or neuron indices: one row that every sweep repeats, or a
            row a sweep. A row usually is a permutation, but may leave neurons out or repeat
            them.
        num_neurons: N, the number of neurons.
        sweeps: the number of sweeps.

    Shapes:
        order: (L,) or (sweeps, L) when it is an array.

    Raises:
        TypeError: the indices are not whole numbers.
        ValueError: an unknown word, an index out of range, a wrong shape or an empty array.
    """
    num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
    sweeps = check_count(sweeps, "sweeps")
    if isinstance(order, str):
        return check_choice(order, "order", ORDERS)
    array = as_array(order, "order")
    if array.ndim not in (1, 2):
        raise ValueError(
            "order must be 'sequential', 'random' or an array of shape (L,) or (sweeps, L); got "
            f"{shown(order)}."
            if array.ndim == 0
            else f"order must have shape (L,) or (sweeps, L), got {array.shape}."
        )
    if array.size == 0:
        raise ValueError("order is empty: a sweep needs at least one neuron.")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"order must hold integers (neuron indices), got dtype {array.dtype}.")
    if array.ndim == 2 and array.shape[0] != sweeps:
        raise ValueError(
            f"order has one row a sweep: expected {sweeps} rows, got {array.shape[0]}."
        )
    wrong = (array < 0) | (array >= num_neurons)
    if wrong.any():
        raise ValueError(
            f"order must hold neuron indices between 0 and {num_neurons - 1}, "
            f"got {int(array[wrong][0])}."
        )
    return array.astype(np.int64)


def draw_schedule(
    order: Order, num_neurons: int, sweeps: int, trajectories: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Writes out the neuron that each step updates.

    Args:
        order: see :func:`check_order`.
        num_neurons: N, the number of neurons.
        sweeps: the number of sweeps, >= 0.
        trajectories: T, the number of trajectories, >= 1.
        rng: draws the permutations; untouched unless ``order`` is ``"random"``.

    Shapes:
        result: (steps,) when all trajectories share it, (T, steps) when ``order`` is
            ``"random"``; ``steps`` is ``sweeps`` times the neurons a sweep visits.

    Raises:
        TypeError: as :func:`check_order`, or a count that is no integer.
        ValueError: as :func:`check_order`, or a count that is out of range.

    >>> draw_schedule("sequential", 3, 2, 5, np.random.default_rng(0)).tolist()
    [0, 1, 2, 0, 1, 2]
    >>> draw_schedule("random", 3, 2, 5, np.random.default_rng(0)).shape
    (5, 6)
    """
    checked = check_order(order, num_neurons, sweeps)
    num_neurons, sweeps = int(num_neurons), int(sweeps)
    trajectories = check_count(trajectories, "trajectories", minimum=1)
    check_kind(rng, "rng", np.random.Generator, "a numpy.random.Generator")
    number = trajectories if isinstance(checked, str) and checked == "random" else 1
    each = num_neurons if isinstance(checked, str) else checked.shape[-1]
    refuse_memory(
        16.0 * number * sweeps * each,
        f"The order of sweeps={sweeps} for {number} trajectories of num_neurons={num_neurons}",
        "Use fewer sweeps; a memory of N neurons is at rest after a few.",
    )
    if isinstance(checked, np.ndarray):
        return checked.reshape(-1) if checked.ndim == 2 else np.tile(checked, sweeps)
    neurons = np.arange(num_neurons, dtype=np.int64)
    if checked == "sequential":
        return np.tile(neurons, sweeps)
    rows = rng.permuted(np.tile(neurons, (trajectories * sweeps, 1)), axis=1)
    return rows.reshape(trajectories, sweeps * num_neurons)
