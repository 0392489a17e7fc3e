"""What a recall gave: frozen data first, tables, files and pictures drawn from it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .common.checks import check_count
from .common.files import whole_file
from .common.statistics import wilson_interval
from .methods import Samples, Trace
from .methods.base import Parts
from .models import ClassicalRecall, Model
from .patterns import check_spins, to_bits, to_bitstring
from .patterns import overlaps as pattern_overlaps
from .resources import Resources
from .result_files import damaged, read_result, write_result, write_result_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class RecallResult:
    """What the probes of one recall became, and what that is worth.

    Made by ``recall``; :meth:`load` reads a saved one. P is the number of probes, N of neurons, M
    of stored patterns. A probe of which no shot was accepted has no recalled state: its row of
    ``states`` is all 0 and what depends on it is NaN. All arrays are read-only.

    Attributes:
        method: the method, as it prints.
        model: the model, as it prints.
        run_on: what ran it, for example ``"aer statevector"`` or ``"law"``.
        seed: the seed, or None where there was none or it was a generator.
        shots: shots a probe; 0 where the distribution is exact.
        probes: expectations of the probes' spins, (P, N).
        patterns: the stored patterns, (M, N) int8; (0, N) where the model only has weights.
        outcomes: P arrays (K_p, N) int8 of distinct recalled states, the most probable first;
            those that differ by less than 1e-12 stand by state index.
        weights: P arrays (K_p,) in the same order: counts, or probabilities given acceptance.
        accepted: accepted shots, (P,); the probability of acceptance where it is exact.
        effective: (P,) where the weights are no plain counts (submodules recombined, errors
            mitigated): the accepted shots that a plain sample would need for the same error of the
            most probable state, which intervals are made from; None elsewhere. With submodules it
            may be more than the accepted ones, since each of them gets all the shots.
        parts: what each submodule answered, or None where there is one circuit.
        attempts: mean level-1 blocks an update, (P,); NaN where there are none.
        folded: share of updates whose field was beyond the gain's range, (P,); NaN where unseen.
        energies: energies of ``states``, (P,).
        converged: whether ``states`` are fixed points of the classical update, (P,) bool.
        classical_states: where the classical dynamics took the same probes, (P, N), or None.
        classical_energies: the energies of ``classical_states``, (P,), or None.
        trace: means sweep by sweep, or None where the method does not see them.
        resources: what the circuits cost, or None where it was not asked for.

    Raises:
        TypeError: ``shots`` is no integer.
        ValueError: the arrays do not fit each other.
    """

    method: str
    model: str
    run_on: str
    seed: int | None
    shots: int
    probes: NDArray[np.float64]
    patterns: NDArray[np.int8]
    outcomes: tuple[NDArray[np.int8], ...]
    weights: tuple[NDArray[np.float64], ...]
    accepted: NDArray[np.float64]
    attempts: NDArray[np.float64]
    folded: NDArray[np.float64]
    energies: NDArray[np.float64]
    converged: NDArray[np.bool_]
    classical_states: NDArray[np.int8] | None = None
    classical_energies: NDArray[np.float64] | None = None
    trace: Trace | None = None
    resources: Resources | None = field(default=None)
    effective: NDArray[np.float64] | None = None
    parts: Parts | None = None

    def __post_init__(self) -> None:
        check_count(self.shots, "shots")
        probes = np.array(self.probes, dtype=np.float64)
        if probes.ndim != 2 or not probes.size:
            raise ValueError(f"probes must have shape (P, N), got {probes.shape}.")
        total, neurons = probes.shape
        stored = np.array(self.patterns, dtype=np.int8)
        if stored.ndim != 2 or stored.shape[1] != neurons:
            raise ValueError(f"patterns must have shape (M, {neurons}), got {stored.shape}.")
        if len(self.outcomes) != total or len(self.weights) != total:
            raise ValueError(
                f"outcomes and weights must hold one array a probe, {total}; "
                f"got {len(self.outcomes)} and {len(self.weights)}."
            )
        sorted_pairs = [
            _sorted(states, weights, neurons)
            for states, weights in zip(self.outcomes, self.weights, strict=True)
        ]
        arrays: dict[str, Any] = {
            "probes": _frozen(probes),
            "patterns": _frozen(stored),
            "outcomes": tuple(states for states, _ in sorted_pairs),
            "weights": tuple(weights for _, weights in sorted_pairs),
        }
        columns = ("accepted", "attempts", "folded", "energies", "classical_energies", "effective")
        for name in columns:
            arrays[name] = self._column(name, np.float64, (total,))
        arrays["converged"] = self._column("converged", np.bool_, (total,))
        arrays["classical_states"] = self._column("classical_states", np.int8, (total, neurons))
        mass = np.array([weights.sum() for weights in arrays["weights"]])
        expected = arrays["accepted"] if self.shots else (arrays["accepted"] > 0.0).astype(float)
        if not np.allclose(mass, expected, rtol=1e-6, atol=1e-6):
            raise ValueError(
                f"The weights of each probe's outcomes must sum to {expected.tolist()} (accepted "
                f"shots, or 1 where exact), got {mass.tolist()}."
            )
        if self.parts is not None:
            shape = (total, len(self.parts))
            if self.parts.status.shape != shape or self.parts.acceptance.shape != shape:
                raise ValueError(
                    f"parts must have a status and an acceptance of shape {shape}, got "
                    f"{self.parts.status.shape} and {self.parts.acceptance.shape}."
                )
        if self.trace is not None:
            means = np.array(self.trace.overlaps, dtype=np.float64)
            energies = np.array(self.trace.energies, dtype=np.float64)
            if means.ndim != 3 or means.shape[1:] != (total, len(stored)):
                raise ValueError(
                    f"trace.overlaps must have shape (sweeps + 1, {total}, {len(stored)}), "
                    f"got {means.shape}."
                )
            if energies.shape != means.shape[:2]:
                raise ValueError(
                    f"trace.energies must have shape {means.shape[:2]}, got {energies.shape}."
                )
            arrays["trace"] = Trace(_frozen(means), _frozen(energies))
        for name, value in arrays.items():
            object.__setattr__(self, name, value)

    def _column(self, name: str, dtype: Any, shape: tuple[int, ...]) -> Any:
        value = getattr(self, name)
        if value is None:
            return None
        array = np.array(value, dtype=dtype)
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
        return _frozen(array)

    @classmethod
    def from_samples(
        cls,
        samples: Samples,
        *,
        model: Model,
        method: str,
        probes: ArrayLike,
        run_on: str,
        seed: int | None = None,
        resources: Resources | None = None,
        classical: ClassicalRecall | None = None,
    ) -> RecallResult:
        """Makes the result of what a method's ``run`` gave.

        Args:
            samples: distinct outcomes and how often each came.
            model: the memory; what the result needs of it is copied.
            method: the method, as it prints.
            probes: expectations of the probes' spins, (P, N) or (N,).
            run_on: what ran it.
            seed: the seed, if it was a number.
            resources: what the circuits cost.
            classical: the classical dynamics from the same probes.

        Raises:
            ValueError: ``samples`` does not fit the probes or the model, or contradicts itself.
        """
        rows = np.atleast_2d(np.asarray(probes, dtype=np.float64))
        stored = model.patterns
        if stored is None:
            stored = np.empty((0, model.num_neurons), dtype=np.int8)
        accepted = np.asarray(samples.acceptance, dtype=np.float64)
        if samples.shots:
            accepted = accepted * samples.shots
            if samples.effective is None:
                accepted = np.rint(accepted)
        result = cls(
            method=method,
            model=repr(model),
            run_on=run_on,
            seed=seed,
            shots=samples.shots,
            probes=rows,
            patterns=stored,
            outcomes=samples.outcomes,
            weights=samples.weights,
            accepted=accepted,
            attempts=samples.attempts,
            folded=samples.folded,
            energies=np.full(len(rows), math.nan),
            converged=np.zeros(len(rows), dtype=np.bool_),
            classical_states=None if classical is None else classical.states,
            classical_energies=None if classical is None else classical.energies,
            trace=samples.trace,
            resources=resources,
            effective=samples.effective,
            parts=samples.parts,
        )
        found = np.flatnonzero(result.recalled)
        energies, converged = result.energies.copy(), result.converged.copy()
        if found.size:
            energies[found] = model.energy(result.states[found])
            converged[found] = model.is_fixed_point(result.states[found])
        return replace(result, energies=energies, converged=converged)

    def __repr__(self) -> str:
        ran = f"{self.shots} shots each" if self.shots else "exact"
        return (
            f"RecallResult({self.num_probes} probes of {self.num_neurons} neurons, "
            f"{len(self.patterns)} patterns, {ran}, run_on={self.run_on!r}, "
            f"mean acceptance {self.acceptance.mean():.3g})"
        )

    def __len__(self) -> int:
        """How many probes there are, P."""
        return self.num_probes

    @property
    def num_probes(self) -> int:
        """How many probes there are, P."""
        return int(self.probes.shape[0])

    @property
    def num_neurons(self) -> int:
        """How many neurons the model has, N."""
        return int(self.probes.shape[1])

    @property
    def exact(self) -> bool:
        """Whether the distributions are exact instead of sampled."""
        return self.shots == 0

    @property
    def recalled(self) -> NDArray[np.bool_]:
        """Whether any shot of a probe was accepted, (P,)."""
        return np.array([len(weights) > 0 for weights in self.weights])

    @property
    def states(self) -> NDArray[np.int8]:
        """The most probable recalled states, (P, N) int8; all 0 where no shot was accepted."""
        states = np.zeros(self.probes.shape, dtype=np.int8)
        for row, outcomes in zip(states, self.outcomes, strict=True):
            if len(outcomes):
                row[:] = outcomes[0]
        return states

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Shares of ``states`` among the accepted shots, (P,)."""
        return np.array([_share(weights[:1], weights) for weights in self.weights])

    @property
    def probability_intervals(self) -> NDArray[np.float64]:
        """Wilson intervals of ``probabilities`` at 95 %, (P, 2); of no width where exact."""
        return self._intervals(self.probabilities)

    @property
    def expectations(self) -> NDArray[np.float64]:
        """Mean spins over the accepted shots, (P, N)."""
        means = np.full(self.probes.shape, math.nan)
        for row, outcomes, weights in zip(means, self.outcomes, self.weights, strict=True):
            if len(outcomes):
                row[:] = weights @ outcomes / weights.sum()
        return np.asarray(np.clip(means, -1.0, 1.0))

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard errors of ``expectations``, sqrt((1 - r^2) / accepted), (P, N); 0 where exact.

        They are 0 as well where all shots agree; ``probability_intervals`` is honest there too.
        """
        means = self.expectations
        if self.exact:
            return np.where(np.isnan(means), math.nan, 0.0)
        shots = np.where(self.recalled, self.effective_shots, math.nan)
        return np.asarray(np.sqrt((1.0 - means**2) / shots[:, None]))

    @property
    def acceptance(self) -> NDArray[np.float64]:
        """Shares of the shots that were accepted, (P,), or their exact probabilities."""
        return self.accepted / self.shots if self.shots else self.accepted.copy()

    @property
    def acceptance_intervals(self) -> NDArray[np.float64]:
        """Wilson intervals of ``acceptance`` at 95 %, (P, 2); of no width where exact."""
        if self.exact:
            return np.stack([self.accepted, self.accepted], axis=1)
        trials = np.full(self.num_probes, float(self.shots))
        if self.effective is None:
            return wilson_interval(self.accepted, trials)
        # The acceptance is known as well as the shots that the effective ones would come from.
        trials *= np.divide(self.effective, self.accepted, out=trials / trials, where=self.recalled)
        return wilson_interval(self.acceptance * trials, trials)

    @property
    def effective_shots(self) -> NDArray[np.float64]:
        """Accepted shots that intervals are made from, (P,); infinite where exact."""
        if self.exact:
            return np.full(self.num_probes, math.inf)
        return self.accepted if self.effective is None else self.effective

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """Overlaps of ``states`` with the stored patterns, (P, M)."""
        overlaps = self._overlaps(self.states)
        overlaps[~self.recalled] = math.nan
        return overlaps

    @property
    def nearest_patterns(self) -> NDArray[np.int64]:
        """Indices of the patterns that ``states`` overlap with most, (P,); -1 where there is none.

        Of equally near patterns it is the one stored first.
        """
        return self._nearest(self.states)

    @property
    def classical_overlaps(self) -> NDArray[np.float64] | None:
        """Overlaps of ``classical_states`` with the stored patterns, (P, M), or None."""
        return None if self.classical_states is None else self._overlaps(self.classical_states)

    @property
    def counts(self) -> list[dict[str, int | float]]:
        """How often each state came, by bit string (neuron 0 rightmost), the most probable first.

        One dictionary a probe: whole counts of the accepted shots; estimates of them where
        submodules were recombined or errors mitigated; or probabilities given acceptance where the
        result is exact.
        """
        plain = not self.exact and self.effective is None
        number: Callable[[float], int | float] = int if plain else float
        return [
            dict(zip(to_bitstring(states), map(number, weights), strict=True))
            if len(states)
            else {}
            for states, weights in zip(self.outcomes, self.weights, strict=True)
        ]

    def probability_of(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns the shares of given states among the accepted shots.

        Args:
            states: +-1 states, one for all probes or one a probe.

        Shapes:
            states: (N,), (1, N) or (P, N)
            result: (P,), NaN where no shot was accepted

        Raises:
            TypeError: the entries are no real numbers.
            ValueError: another shape, or an entry other than +-1.
        """
        wanted = check_spins(states, self.num_neurons)
        if len(wanted) not in (1, self.num_probes):
            raise ValueError(
                f"states must be one state or {self.num_probes}, one a probe; got {len(wanted)}."
            )
        wanted = np.broadcast_to(wanted, self.probes.shape)
        return np.array(
            [
                _share(weights[(outcomes == row).all(axis=1)], weights)
                for outcomes, weights, row in zip(self.outcomes, self.weights, wanted, strict=True)
            ]
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Returns a table with one row a probe.

        What a probe has not, because no shot of it was accepted or nothing is stored, is missing
        (NA, NaN or None); the classical columns are there when the classical dynamics was run. The
        last columns say where the rows come from, so that tables can be joined.
        """
        import pandas as pd

        found, nearest = self.recalled, self.nearest_patterns
        probability, acceptance = self.probability_intervals, self.acceptance_intervals
        table: dict[str, Any] = {
            "probe": np.arange(self.num_probes),
            "state": _bitstrings(self.states),
            "probability": self.probabilities,
            "probability_low": probability[:, 0],
            "probability_high": probability[:, 1],
            "pattern": pd.array(_optional(nearest, nearest >= 0), dtype="Int64"),
            "overlap": _pick(self.overlaps, nearest),
            "energy": self.energies,
            "converged": pd.array(_optional(self.converged, found), dtype="boolean"),
            "acceptance": self.acceptance,
            "acceptance_low": acceptance[:, 0],
            "acceptance_high": acceptance[:, 1],
            "attempts": self.attempts,
            "folded": self.folded,
            "shots": self.shots,
        }
        if self.classical_states is not None:
            overlaps = self._overlaps(self.classical_states)
            best = self._nearest(self.classical_states)
            table["classical_state"] = _bitstrings(self.classical_states)
            table["classical_pattern"] = pd.array(_optional(best, best >= 0), dtype="Int64")
            table["classical_overlap"] = _pick(overlaps, best)
            table["classical_energy"] = self.classical_energies
        table["method"] = self.method
        table["model"] = self.model
        table["run_on"] = self.run_on
        table["seed"] = pd.array([self.seed] * self.num_probes, dtype=object)
        return pd.DataFrame(table)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes :meth:`to_dataframe` as comma separated text; the file is whole or not there.

        Raises:
            FileNotFoundError: the folder does not exist.
            IsADirectoryError: ``path`` is a folder.
        """
        text = self.to_dataframe().to_csv(index=False, lineterminator="\n")
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Writes all that is known as JSON for other programs; the file is whole or not there.

        NaN becomes ``null``. :meth:`load` reads what :meth:`save` writes, not this.

        Raises:
            FileNotFoundError: the folder does not exist.
            IsADirectoryError: ``path`` is a folder.
        """
        write_result_json(path, self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything into an ``.npz`` file that :meth:`load` reads back.

        The file is whole or not there, and holds plain arrays and one JSON text, no pickles.

        Raises:
            FileNotFoundError: the folder does not exist.
            IsADirectoryError: ``path`` is a folder.
            ValueError: ``path`` does not end in ``.npz``.
        """
        write_result(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RecallResult:
        """Reads a result that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is no saved result, or one of a newer format.
        """
        fields = read_result(path)
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise damaged(path, error) from error

    def plot(
        self,
        shape: tuple[int, int] | None = None,
        *,
        probes: Sequence[int] | None = None,
        max_probes: int = 10,
        labels: Sequence[str] | None = None,
    ) -> Figure:
        """Draws probes, recalled states and stored patterns side by side.

        See :func:`~qhopfield.circuits.plotting.plot_recall`, which this calls.

        Args:
            shape: rows and columns of the pictures; None takes a square where N is one, and
                draws bars otherwise.
            probes: indices of the probes to draw.
            max_probes: the most probes to draw where ``probes`` is None.
            labels: names of the stored patterns.

        Raises:
            TypeError: an argument has a wrong type.
            ValueError: an argument does not fit the result.
        """
        from .plotting import plot_recall

        return plot_recall(self, shape, probes=probes, max_probes=max_probes, labels=labels)

    def _intervals(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.exact:
            return np.stack([shares, shares], axis=1)
        return wilson_interval(shares * self.effective_shots, self.effective_shots)

    def _overlaps(self, states: NDArray[np.int8]) -> NDArray[np.float64]:
        if not len(self.patterns):
            return np.empty((len(states), 0))
        return pattern_overlaps(states, self.patterns)

    def _nearest(self, states: NDArray[np.int8]) -> NDArray[np.int64]:
        if not len(self.patterns):
            return np.full(len(states), -1, dtype=np.int64)
        nearest = self._overlaps(states).argmax(axis=1)
        return np.where(states.any(axis=1), nearest, -1).astype(np.int64)


def _frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _sorted(
    states: NDArray[np.int8], weights: NDArray[np.float64], num_neurons: int
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Checks the outcomes of one probe, drops those that never came, and puts them in order."""
    rows, mass = np.array(states, dtype=np.int8), np.array(weights, dtype=np.float64)
    if rows.shape != (*mass.shape, num_neurons) or mass.ndim != 1:
        raise ValueError(
            f"outcomes must have shape (K, {num_neurons}) and weights (K,); "
            f"got {rows.shape} and {mass.shape}."
        )
    if not (np.isfinite(mass) & (mass >= 0.0)).all():
        raise ValueError("weights must be finite and not negative.")
    rows, mass = rows[mass > 0.0], mass[mass > 0.0]
    bits = to_bits(rows)
    # The last key counts most: weight, then the bits of the index from the highest down. Laws are
    # only equal up to rounding, so that weights are compared to 12 decimals.
    order = np.lexsort((*bits.T, -np.round(mass, 12)))
    return _frozen(rows[order]), _frozen(mass[order])


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    return min(float(part.sum() / whole.sum()), 1.0) if len(whole) else math.nan


def _pick(table: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """One entry a row; NaN where the column is -1."""
    if not table.shape[1]:
        return np.full(len(table), math.nan)
    picked = table[np.arange(len(table)), columns]
    return np.asarray(np.where(columns >= 0, picked, math.nan))


def _bitstrings(states: NDArray[np.int8]) -> list[str | None]:
    """Bit strings of states; None for a row of zeros, which is no state."""
    present = np.asarray(states.any(axis=1))
    strings = iter(to_bitstring(states[present]) if present.any() else ())
    return [next(strings) if here else None for here in present]


def _optional(values: NDArray[Any], present: NDArray[np.bool_]) -> list[Any]:
    """The values as Python's own, None where there is none."""
    return [value if here else None for value, here in zip(values.tolist(), present, strict=True)]
