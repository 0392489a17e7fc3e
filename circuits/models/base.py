"""What every classical model offers: energy, local field, and the dynamics they drive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import check_count, check_flag
from ..common.identity import Identified
from ..common.randomness import Seed, as_generator
from ..patterns import check_probes, check_spins
from ..patterns.conversion import tell_ambiguous_probes
from .schedule import Order, check_order, draw_schedule


@dataclass(frozen=True)
class ClassicalRecall:
    """Where the classical dynamics ended.

    Attributes:
        states: (P, N) int8, the last states.
        sweeps: (P,) int, sweeps until the fixed point; all sweeps made where there was none.
        converged: (P,) bool, whether the state is a fixed point.
        energies: (P,) float, energies of ``states``.
    """

    states: NDArray[np.int8]
    sweeps: NDArray[np.int64]
    converged: NDArray[np.bool_]
    energies: NDArray[np.float64]


class FieldTracker(ABC):
    """Local fields of T trajectories, kept up to date while spins change one at a time.

    ``neurons`` is one index shared by all trajectories, or (T,) indices, one a trajectory.
    Made by :meth:`Model.tracker`.
    """

    def __init__(self, states: NDArray[np.int8]) -> None:
        self._states = states.copy()
        self._rows = np.arange(len(states))

    @property
    def states(self) -> NDArray[np.int8]:
        """The states now, (T, N): a read-only view that later assignments change."""
        view = self._states.view()
        view.flags.writeable = False
        return view

    def spins(self, neurons: int | NDArray[np.int64]) -> NDArray[np.int8]:
        """Returns the spins of ``neurons``, (T,)."""
        if isinstance(neurons, np.ndarray) and neurons.ndim:
            return self._states[self._rows, neurons]
        return self._states[:, neurons].copy()

    def assign(self, neurons: int | NDArray[np.int64], new_spins: ArrayLike) -> None:
        """Sets the spins of ``neurons``; only trajectories where one changes cost anything.

        Shapes:
            neurons: () or (T,)
            new_spins: (T,), all +-1

        Raises:
            ValueError: ``new_spins`` has another shape or another value.
        """
        wanted = np.asarray(new_spins)
        if wanted.shape != self._rows.shape:
            raise ValueError(f"new_spins must have shape {self._rows.shape}, got {wanted.shape}.")
        if not (np.abs(wanted) == 1).all():
            raise ValueError("new_spins must be +-1.")
        changed = np.flatnonzero(wanted != self.spins(neurons))
        if not changed.size:
            return
        spins = wanted[changed].astype(np.int8)
        if isinstance(neurons, np.ndarray) and neurons.ndim:
            neurons = neurons[changed]
        self._flip(neurons, changed, spins)
        self._states[changed, neurons] = spins

    @abstractmethod
    def field(self, neurons: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the local fields of ``neurons``, (T,)."""

    @abstractmethod
    def all_fields(self) -> NDArray[np.float64]:
        """Returns the local fields of all neurons, (T, N)."""

    @abstractmethod
    def _flip(
        self, neurons: int | NDArray[np.int64], changed: NDArray[np.intp], spins: NDArray[np.int8]
    ) -> None:
        """Updates what is tracked for the trajectories ``changed``, before the states change."""


class Model(Identified, ABC):
    """An energy over +-1 states and the update rule that never raises it.

    The local field is half of what a flip costs, ``E(s_i = -1) - E(s_i = +1) = 2 h_i``, for
    every model; the classical update is ``s_i <- sign h_i`` and keeps ``s_i`` where ``h_i = 0``.

    Attributes:
        num_neurons: N.
        patterns: the stored patterns (M, N), or None where only weights are known.
    """

    num_neurons: int
    patterns: NDArray[np.int8] | None

    @abstractmethod
    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns the energies of +-1 states, (P,)."""

    @abstractmethod
    def local_field(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns the local fields h_i of +-1 states, (P, N)."""

    @abstractmethod
    def field_bound(self) -> float:
        """Returns a number that no local field of any state exceeds in size."""

    @abstractmethod
    def tracker(self, states: ArrayLike) -> FieldTracker:
        """Returns a tracker of the local fields that starts from ``states`` (T, N), all +-1."""

    @property
    @abstractmethod
    def integer_scale(self) -> int | None:
        """An integer that makes every local field whole when multiplied, or None."""

    def typical_field(self) -> float:
        """Returns an upper scale of the fields met near the stored patterns.

        The mean plus 3 standard deviations of the size of h_i over the stored patterns, or
        ``field_bound()`` where that is smaller.

        Raises:
            ValueError: the model has no patterns.
        """
        if self.patterns is None:
            raise ValueError(
                "typical_field needs the stored patterns, and this model has none; give them to "
                "the model (patterns=...) or use field_bound()."
            )
        bound = self.field_bound()
        if not bound:
            return 0.0
        sizes = np.abs(self.local_field(self.patterns)) / bound  # squares of fields may overflow
        return bound * min(float(sizes.mean() + 3.0 * sizes.std()), 1.0)

    def is_fixed_point(self, states: ArrayLike) -> NDArray[np.bool_]:
        """Returns whether no spin wants to flip, (P,); a spin without a field is content.

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        spins = check_spins(states, self.num_neurons)
        return _all_content(spins, self.local_field(spins))

    def update(
        self,
        states: ArrayLike,
        *,
        order: Order = "sequential",
        synchronous: bool = False,
        seed: Seed = None,
    ) -> NDArray[np.int8]:
        """Makes one sweep of ``s_i <- sign h_i``.

        Args:
            states: +-1 states.
            order: ``"sequential"``, ``"random"`` (each state its own permutation) or indices.
            synchronous: whether all neurons change at once, from the fields before the sweep.
            seed: of the random order.

        Shapes:
            states: (P, N) or (N,)
            result: (P, N)

        Raises:
            TypeError: ``order`` or ``seed`` has a wrong type.
            ValueError: ``states`` or ``order`` is malformed, or an order is given together with
                ``synchronous``.
        """
        spins = check_spins(states, self.num_neurons)
        checked = _check_dynamics(order, self.num_neurons, 1, synchronous)
        rng = as_generator(seed)
        if synchronous:
            return _synchronous(spins, self.local_field(spins))
        tracker = self.tracker(spins)
        _sweep(tracker, draw_schedule(checked, self.num_neurons, 1, len(spins), rng))
        return tracker.states.copy()

    def recall(
        self,
        probes: ArrayLike,
        *,
        sweeps: int = 100,
        order: Order = "sequential",
        synchronous: bool = False,
        seed: Seed = None,
    ) -> ClassicalRecall:
        """Runs the classical dynamics from each probe to a fixed point.

        Entries between -1 and 1 are filled at random first, see :func:`complete`.

        Args:
            probes: expectations of the spins, in [-1, 1]; 0 is an erased entry. Probes of only 0
                and 1 are told of by an ``AmbiguousDataWarning``: data of zeros and ones go through
                :func:`~qhopfield.circuits.patterns.from_binary`.
            sweeps: the most sweeps to make, >= 0.
            order: ``"sequential"``, ``"random"`` (each probe its own permutation each sweep) or
                indices, (L,) for every sweep or (sweeps, L).
            synchronous: whether all neurons change at once. Such dynamics may end in a cycle of
                two states, which is not converged.
            seed: of the filled entries and the random order.

        Shapes:
            probes: (P, N) or (N,)

        Raises:
            TypeError: an argument has a wrong type.
            ValueError: ``probes``, ``sweeps`` or ``order`` is malformed, or an order is given
                together with ``synchronous``.
        """
        sweeps = check_count(sweeps, "sweeps")
        checked = _check_dynamics(order, self.num_neurons, sweeps, synchronous)
        rng = as_generator(seed)
        tell_ambiguous_probes(check_probes(probes, self.num_neurons))
        states = complete(probes, self.num_neurons, seed=rng)
        if synchronous:
            return self._recall_synchronous(states, sweeps)
        tracker = self.tracker(states)
        converged = _all_content(states, tracker.all_fields())
        made = np.zeros(len(states), dtype=np.int64)
        rows = checked if isinstance(checked, np.ndarray) and checked.ndim == 2 else None
        for sweep in range(sweeps):
            if converged.all():
                break
            before = tracker.states.copy()
            row = checked if rows is None else rows[sweep]
            _sweep(tracker, draw_schedule(row, self.num_neurons, 1, len(states), rng))
            made[~converged] += 1
            # A state that is a fixed point never moves again, so this never turns False.
            converged = _all_content(tracker.states, tracker.all_fields())
            if rows is None and np.array_equal(before, tracker.states):
                break  # the order leaves out the neurons that want to flip: nothing will change
        final = tracker.states.copy()
        return ClassicalRecall(final, made, converged, self.energy(final))

    def _recall_synchronous(self, states: NDArray[np.int8], sweeps: int) -> ClassicalRecall:
        states = states.copy()
        made = np.zeros(len(states), dtype=np.int64)
        fields = self.local_field(states)
        active = np.flatnonzero(~_all_content(states, fields))
        fields = fields[active]
        # Such dynamics ends in a cycle, which is found as Brent (1980, BIT 20, 176) does: by
        # keeping a state until twice as many sweeps are made. What is left of the sweeps is then
        # a whole number of rounds, which change nothing, and a rest.
        kept, since, turn, left = states[active].copy(), 0, 1, sweeps
        while left and active.size:
            states[active] = _synchronous(states[active], fields)
            made[active] += 1
            left, since = left - 1, since + 1
            if np.array_equal(states[active], kept):
                made[active] += left - left % since
                left %= since
            elif since == turn:
                kept, since, turn = states[active].copy(), 0, 2 * turn
            before = active
            fields = self.local_field(states[active])
            unstable = ~_all_content(states[active], fields)
            active, fields = active[unstable], fields[unstable]
            if active.size < before.size:
                kept, since = states[active].copy(), 0
        converged = np.ones(len(states), dtype=np.bool_)
        converged[active] = False
        return ClassicalRecall(states, made, converged, self.energy(states))


def complete(probes: ArrayLike, num_neurons: int, *, seed: Seed = None) -> NDArray[np.int8]:
    """Fills the undecided entries of probes at random: +1 with probability (1 + z) / 2.

    It is the classical twin of a superposed entry: an erased one (z = 0) becomes a fair coin,
    and +-1 stays.

    Args:
        probes: expectations of the spins, in [-1, 1].
        num_neurons: N.
        seed: of the coins.

    Shapes:
        probes: (P, N) or (N,)
        result: (P, N)

    Raises:
        TypeError: ``seed`` or ``probes`` has a wrong type.
        ValueError: ``probes`` is malformed.
    """
    expectations = check_probes(probes, num_neurons)
    coins = as_generator(seed).random(expectations.shape)
    return np.where(coins < 0.5 * (1.0 + expectations), 1, -1).astype(np.int8)


def _check_dynamics(
    order: Order, num_neurons: int, sweeps: int, synchronous: bool
) -> str | NDArray[np.int64]:
    synchronous = check_flag(synchronous, "synchronous")
    checked = check_order(order, num_neurons, sweeps)
    if synchronous and not (isinstance(checked, str) and checked == "sequential"):
        raise ValueError(
            "synchronous=True changes all neurons at once and has no order; leave order out."
        )
    return checked


def _all_content(states: NDArray[np.int8], fields: NDArray[np.float64]) -> NDArray[np.bool_]:
    content: NDArray[np.bool_] = np.all(states * fields >= 0, axis=1)
    return content


def _synchronous(states: NDArray[np.int8], fields: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.where(states * fields < 0, -states, states).astype(np.int8)


def _sweep(tracker: FieldTracker, schedule: NDArray[np.int64]) -> None:
    """Updates the neurons of a schedule, (steps,) or (T, steps), in place."""
    steps = schedule.tolist() if schedule.ndim == 1 else np.ascontiguousarray(schedule.T)
    for neurons in steps:
        spins = tracker.spins(neurons)
        unhappy = tracker.field(neurons) * spins < 0
        if unhappy.any():
            tracker.assign(neurons, np.where(unhappy, -spins, spins))
