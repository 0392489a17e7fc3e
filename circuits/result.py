"""What a recall gave: frozen data first, tables, files and pictures drawn from it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .common.checks import as_array, check_count, check_real
from .common.files import whole_file
from .common.later import HasLateFields, Late, snapshot, with_late_fields
from .common.statistics import leader_interval, least_rival, wilson_interval
from .methods import Samples, Trace
from .methods.base import Parts
from .models import ClassicalRecall, Model
from .patterns import check_spins, to_bitstring
from .patterns import overlaps as pattern_overlaps
from .resources import Resources
from .result_files import damaged, read_result, write_result, write_result_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


# What is seldom looked at, or costs more than the recall itself, is computed on the first look.
@with_late_fields(
    "outcomes",
    "weights",
    "energies",
    "converged",
    "classical_states",
    "classical_energies",
    "resources",
)
@dataclass(frozen=True, eq=False, repr=False)
class RecallResult(HasLateFields):
    """What the probes of one recall became, and what that is worth.

    Made by ``recall``; :meth:`load` reads a saved one. P is the number of probes, N of neurons, M
    of stored patterns. A probe of which no shot was accepted has no recalled state: its row of
    ``states`` is all 0 and what depends on it is NaN. All arrays are read-only.

    Energies, fixed points, the classical dynamics and the resources are computed when they are
    first looked at, from the model and method as they were when the recall was made; saving,
    tables and pickling look at what they hold.

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
            mitigated) or the shots not independent (mean spins fed back): the accepted shots that
            a plain sample would need for the same error of the most probable state, which
            intervals are made from; None elsewhere. With submodules it may be more than the
            accepted ones, since each of them gets all the shots.
        trials: (P,) where the acceptance is no plain share of the shots (submodules recombined,
            mean spins fed back): the shots of which it would be one with the same error, which
            its intervals are made from; None elsewhere.
        parts: what each submodule answered, or None where there is one circuit.
        attempts: mean level-1 blocks an update, (P,); NaN where there are none.
        folded: share of updates whose field was beyond the gain's range, (P,); NaN where unseen.
        energies: energies of ``states``, (P,).
        converged: whether ``states`` are fixed points of the classical update, (P,) bool.
        classical_states: where the classical dynamics took the same probes, (P, N), or None.
        classical_energies: the energies of ``classical_states``, (P,), or None.
        trace: means sweep by sweep, or None where the method does not see them.
        resources: what the circuits cost, or None where it was not asked for.
        targets: what was meant by each probe, (P, N) int8, or None where it is not known. Overlaps,
            tables and pictures compare with it; without it they compare with the stored pattern
            that is nearest to what was recalled, which calls no recall a failure, and say so.
        chance: chance level of a stored pattern: its share of the accepted shots if every bit that
            was read were a fair coin. That is 2^-N; and 1 / M, whatever the circuits did, where
            answers that were never stored were rejected (``Mitigation(codewords=True)``). It is
            the chance level of ``accuracy`` too, up to ties. None in files of older versions.

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
    trials: NDArray[np.float64] | None = None
    parts: Parts | None = None
    targets: NDArray[np.int8] | None = None
    chance: float | None = None

    def __post_init__(self) -> None:
        check_count(self.shots, "shots")
        probes = np.array(self.probes, dtype=np.float64)
        if probes.ndim != 2 or not probes.size:
            raise ValueError(f"probes must have shape (P, N), got {probes.shape}.")
        total, neurons = probes.shape
        stored = np.array(self.patterns, dtype=np.int8)
        if stored.ndim != 2 or stored.shape[1] != neurons:
            raise ValueError(f"patterns must have shape (M, {neurons}), got {stored.shape}.")
        outcomes, weights = self.outcomes, self.weights
        if len(outcomes) != total or len(weights) != total:
            raise ValueError(
                f"outcomes and weights must hold one array a probe, {total}; "
                f"got {len(outcomes)} and {len(weights)}."
            )
        pairs = [
            _sorted(*_checked(states, masses, neurons))
            for states, masses in zip(outcomes, weights, strict=True)
        ]
        arrays: dict[str, Any] = {
            "probes": _frozen(probes),
            "patterns": _frozen(stored),
            "outcomes": tuple(states for states, _ in pairs),
            "weights": tuple(masses for _, masses in pairs),
        }
        columns = (
            "accepted",
            "attempts",
            "folded",
            "energies",
            "classical_energies",
            "effective",
            "trials",
        )
        for name in columns:
            arrays[name] = self._column(name, np.float64, (total,))
        arrays["converged"] = self._column("converged", np.bool_, (total,))
        arrays["classical_states"] = self._column("classical_states", np.int8, (total, neurons))
        _check_mass(pairs, arrays["accepted"], self.shots)
        if self.targets is not None:
            arrays["targets"] = _frozen(checked_targets(self.targets, total, neurons))
        if self.chance is not None:
            arrays["chance"] = check_real(self.chance, "chance", minimum=0.0, maximum=1.0)
        _check_parts(self.parts, total)
        arrays["trace"] = _checked_trace(self.trace, total, len(stored))
        for name, value in arrays.items():
            object.__setattr__(self, name, value)

    def _column(self, name: str, dtype: Any, shape: tuple[int, ...]) -> Any:
        value = getattr(self, name)
        return None if value is None else _checked_column(value, name, dtype, shape)

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
        resources: Callable[[Model], Resources] | Resources | None = None,
        classical: Callable[[Model], ClassicalRecall] | ClassicalRecall | None = None,
        targets: ArrayLike | None = None,
        codewords: bool = False,
    ) -> RecallResult:
        """Makes the result of what a method's ``run`` gave.

        Args:
            samples: distinct outcomes and how often each came.
            model: the memory, as it is now.
            method: the method, as it prints.
            probes: expectations of the probes' spins, (P, N) or (N,).
            run_on: what ran it.
            seed: the seed, if it was a number.
            resources: what the circuits cost; or a function that is called with the model as it
                is now, when they are first looked at, and reads nothing else that may change.
            classical: the classical dynamics from the same probes, likewise.
            targets: what was meant, +-1, (P, N), or (N,) for all probes.
            codewords: whether answers that were never stored have been rejected.

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
        total, neurons = rows.shape
        pairs = [
            _checked(states, masses, neurons)
            for states, masses in zip(samples.outcomes, samples.weights, strict=True)
        ]
        columns = {
            "accepted": accepted,
            "attempts": samples.attempts,
            "folded": samples.folded,
            "effective": samples.effective,
            "trials": samples.trials,
        }
        kept = snapshot(model)
        late = _Late(model if kept is None else kept, pairs, resources, classical)
        # Without the constructor, which takes what is computed here on the first look.
        result = cls.__new__(cls)
        fields = vars(result)
        fields.update(
            method=method,
            model=repr(model),
            run_on=run_on,
            seed=seed,
            shots=samples.shots,
            probes=_copy(rows, np.float64),
            patterns=_copy(stored, np.int8),
            trace=_checked_trace(samples.trace, total, len(stored)),
            parts=samples.parts,
            targets=None,
            chance=1.0 / len(np.unique(stored, axis=0)) if codewords else 0.5**neurons,
        )
        if targets is not None:
            fields["targets"] = _frozen(checked_targets(targets, total, neurons))
        for name, value in columns.items():
            fields[name] = (
                None if value is None else _checked_column(value, name, np.float64, (total,))
            )
        _check_mass(pairs, fields["accepted"], samples.shots)
        _check_parts(samples.parts, total)
        result._defer(late)
        if kept is None:  # looked at now, before the model can change
            result._look_at_all()
        return result

    def __repr__(self) -> str:
        ran = f"{self.shots} shots each" if self.shots else "exact"
        right = "" if self.correct is None else f"{int(self.correct.sum())} correct, "
        return (
            f"RecallResult({self.num_probes} probes of {self.num_neurons} neurons, "
            f"{len(self.patterns)} patterns, {ran}, {right}run_on={self.run_on!r}, "
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
        """Intervals of ``probabilities`` at 95 %, (P, 2); of no width where exact.

        ``states`` are picked for having come most often. Let K be the number of states that could
        be the most probable: those whose own Wilson interval reaches that of the leader, with the
        states that never came where an interval around 0 does. Where K = 1 the leader is clear, and
        the interval is Wilson's. Else the luckiest of K was picked, and the lower end allows for
        the luck of all: it is at the level of max(p, 1 / K) times 2.5 %, p being the end itself
        (see :func:`~qhopfield.circuits.common.statistics.leader_interval`). The share of a state
        that is named beforehand needs no such care: see ``target_probability_intervals``.
        """
        shares = self.probabilities
        if self.exact:
            return self._intervals(shares)
        trials = self.effective_shots
        return leader_interval(shares * trials, trials, self._rivals(shares, trials))

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
        if self.trials is not None:
            trials = self.trials
        elif self.effective is not None:
            # It is known as well as the shots that the effective ones would come from.
            ratio = np.ones(self.num_probes)
            trials *= np.divide(self.effective, self.accepted, out=ratio, where=self.recalled)
        # What blocks of neurons let through is multiplied, and may come out above 1.
        return wilson_interval(np.minimum(self.acceptance, 1.0) * trials, trials)

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
    def target_patterns(self) -> NDArray[np.int64] | None:
        """Indices of the stored patterns that are the targets, (P,); -1 where it is not stored.

        None where the targets are not known.
        """
        if self.targets is None:
            return None
        places = {row.tobytes(): index for index, row in reversed([*enumerate(self.patterns)])}
        return np.array([places.get(row.tobytes(), -1) for row in self.targets], dtype=np.int64)

    @property
    def target_overlaps(self) -> NDArray[np.float64] | None:
        """Overlaps of ``states`` with the targets, (P,), or None where these are not known."""
        if self.targets is None:
            return None
        return _row_overlaps(self.states, self.targets)

    @property
    def target_probabilities(self) -> NDArray[np.float64] | None:
        """Shares of the targets among the accepted shots, (P,), or None.

        What one accepted shot is worth; NaN where no shot was accepted.
        """
        return None if self.targets is None else self.probability_of(self.targets)

    @property
    def target_probability_intervals(self) -> NDArray[np.float64] | None:
        """Wilson intervals of ``target_probabilities`` at 95 %, (P, 2), or None.

        Targets are named before the shots are seen, so nothing is picked here.
        """
        shares = self.target_probabilities
        return None if shares is None else self._intervals(shares)

    @property
    def correct(self) -> NDArray[np.bool_] | None:
        """Whether the most probable state is the target in every entry, (P,), or None.

        False where no shot was accepted.
        """
        if self.targets is None:
            return None
        return np.asarray((self.states == self.targets).all(axis=1))

    @property
    def accuracy(self) -> float | None:
        """Share of the probes whose most probable state is the target, or None.

        Probes of which no shot was accepted count as wrong. ``chance`` stands beside it.
        """
        correct = self.correct
        return None if correct is None else float(correct.mean())

    @property
    def accuracy_interval(self) -> NDArray[np.float64] | None:
        """Wilson interval of ``accuracy`` at 95 %, (2,), or None.

        It is about further probes that are made as these were, so it has a width for exact
        distributions too. It counts the probes as independent. They are not quite where one recall
        draws something for all its probes: memories that are the same for all of them, and, on
        qubit registers, the shared random orders of dynamics with ``order="random"`` and more than
        64 possible orders. Then the interval is about these memories and these orders; several
        recalls with seeds of their own tell how much others would differ.
        """
        correct = self.correct
        return None if correct is None else wilson_interval(correct.sum(), len(correct))

    @property
    def classical_correct(self) -> NDArray[np.bool_] | None:
        """Whether the classical dynamics ended in the target, (P,), or None."""
        if self.targets is None or self.classical_states is None:
            return None
        return np.asarray((self.classical_states == self.targets).all(axis=1))

    @property
    def classical_accuracy(self) -> float | None:
        """Share of the probes that the classical dynamics took to the target, or None."""
        correct = self.classical_correct
        return None if correct is None else float(correct.mean())

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

    def compared_with(
        self, states: NDArray[np.int8] | None = None
    ) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """What tables and pictures compare states with: targets, or what is nearest.

        Args:
            states: +-1 states, one a probe; None takes :attr:`states`.

        Returns:
            The targets where they are known, else for each state the stored pattern nearest to it;
            and which stored patterns these are. A row of 0 and -1 stand where there is none.

        Shapes:
            states: (P, N)
            result: (P, N) int8 and (P,) int64
        """
        if self.targets is not None:
            indices = self.target_patterns
            assert indices is not None  # the targets are there
            return self.targets, indices
        indices = self._nearest(self.states if states is None else states)
        rows = np.zeros(self.probes.shape, dtype=np.int8)
        rows[indices >= 0] = self.patterns[indices[indices >= 0]]
        return rows, indices

    def to_dataframe(self) -> pd.DataFrame:
        """Returns a table with one row a probe.

        ``overlap`` is with the target where that is known; else with the stored pattern nearest to
        the recalled state. ``against`` says which, ``pattern`` which stored pattern that is. Where
        the targets are known, ``correct`` says whether the most probable state is the target,
        ``target_probability`` gives the share of accepted shots that are, and the nearest pattern
        has columns of its own. ``chance`` is the share that noise alone would give a pattern.

        What a probe has not, because no shot of it was accepted or nothing is stored, is missing
        (NA, NaN or None); the classical columns are there when the classical dynamics was run. The
        last columns say where the rows come from, so that tables can be joined.
        """
        import pandas as pd

        found, nearest = self.recalled, self.nearest_patterns
        probability, acceptance = self.probability_intervals, self.acceptance_intervals
        compared, indices = self.compared_with()
        word = "nearest" if self.targets is None else "target"
        table: dict[str, Any] = {
            "probe": np.arange(self.num_probes),
            "state": _bitstrings(self.states),
            "probability": self.probabilities,
            "probability_low": probability[:, 0],
            "probability_high": probability[:, 1],
            "pattern": pd.array(_optional(indices, indices >= 0), dtype="Int64"),
            "overlap": _row_overlaps(self.states, compared),
            "against": [word if row.any() else None for row in compared],
        }
        if self.targets is not None:
            shares, ends = self.target_probabilities, self.target_probability_intervals
            assert ends is not None  # the targets are there
            table["correct"] = self.correct
            table["target"] = _bitstrings(self.targets)
            table["target_probability"] = shares
            table["target_probability_low"] = ends[:, 0]
            table["target_probability_high"] = ends[:, 1]
            table["nearest_pattern"] = pd.array(_optional(nearest, nearest >= 0), dtype="Int64")
            table["nearest_overlap"] = _pick(self.overlaps, nearest)
        table |= {
            "chance": math.nan if self.chance is None else self.chance,
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
            compared, indices = self.compared_with(self.classical_states)
            table["classical_state"] = _bitstrings(self.classical_states)
            table["classical_pattern"] = pd.array(_optional(indices, indices >= 0), dtype="Int64")
            table["classical_overlap"] = _row_overlaps(self.classical_states, compared)
            if self.targets is not None:
                table["classical_correct"] = self.classical_correct
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

    def _rivals(
        self, shares: NDArray[np.float64], trials: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """How many states could be each probe's most probable one, (P,), >= 1."""
        number = np.ones(self.num_probes)
        every = 2.0 ** min(self.num_neurons, 1000)  # a float holds no more, nor is more needed
        least = least_rival(shares, trials)
        for probe, weights in enumerate(self.weights):
            if least[probe] <= 0.0:
                number[probe] = every
            elif len(weights):
                near = np.count_nonzero(weights >= least[probe] * weights.sum())
                number[probe] = max(int(near), 1)
        return number

    def _overlaps(self, states: NDArray[np.int8]) -> NDArray[np.float64]:
        if not len(self.patterns):
            return np.empty((len(states), 0))
        return pattern_overlaps(states, self.patterns)

    def _nearest(self, states: NDArray[np.int8]) -> NDArray[np.int64]:
        if not len(self.patterns):
            return np.full(len(states), -1, dtype=np.int64)
        nearest = self._overlaps(states).argmax(axis=1)
        return np.where(states.any(axis=1), nearest, -1).astype(np.int64)


class _Late(Late):
    """What the late fields of a result are computed from."""

    def __init__(
        self,
        model: Model,
        pairs: list[tuple[NDArray[np.int8], NDArray[np.float64]]],
        resources: Any,
        classical: Any,
    ) -> None:
        super().__init__()
        self._model, self._pairs = model, pairs
        self._resources, self._classical = resources, classical

    def values(self, name: str, owner: RecallResult) -> dict[str, Any]:
        """A field, and those that come with it."""
        if name in ("outcomes", "weights"):
            pairs = [_sorted(*pair) for pair in self._pairs]
            return {
                "outcomes": tuple(states for states, _ in pairs),
                "weights": tuple(weights for _, weights in pairs),
            }
        if name in ("energies", "converged"):
            found, states = owner.recalled, owner.states
            energies = np.full(len(found), math.nan)
            converged = np.zeros(len(found), dtype=np.bool_)
            if found.any():
                energies[found] = self._model.energy(states[found])
                converged[found] = self._model.is_fixed_point(states[found])
            return {"energies": _frozen(energies), "converged": _frozen(converged)}
        if name == "resources":
            return {name: self._asked(self._resources)}
        ran = self._asked(self._classical)
        if ran is None:
            return {"classical_states": None, "classical_energies": None}
        shape = owner.probes.shape
        return {
            "classical_states": _checked_column(ran.states, "classical_states", np.int8, shape),
            "classical_energies": _checked_column(
                ran.energies, "classical_energies", np.float64, shape[:1]
            ),
        }

    def _asked(self, wanted: Any) -> Any:
        """What is wanted, or what it gives for the model."""
        return wanted(self._model) if callable(wanted) else wanted


def _checked_column(value: Any, name: str, dtype: Any, shape: tuple[int, ...]) -> Any:
    array = np.array(value, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    return _frozen(array)


def _check_mass(pairs: Sequence[Any], accepted: NDArray[np.float64], shots: int) -> None:
    # Plain numbers: arrays of one entry would take as long as a small law.
    mass = [float(weights.sum()) for _, weights in pairs]
    expected = [float(each) if shots else float(each > 0.0) for each in accepted.tolist()]
    for found, wanted in zip(mass, expected, strict=True):
        if not abs(found - wanted) <= 1e-6 + 1e-6 * abs(wanted):
            raise ValueError(
                f"The weights of each probe's outcomes must sum to {expected} (accepted shots, or "
                f"1 where exact), got {mass}."
            )


def _check_parts(parts: Parts | None, total: int) -> None:
    if parts is None:
        return
    shape = (total, len(parts))
    if parts.status.shape != shape or parts.acceptance.shape != shape:
        raise ValueError(
            f"parts must have a status and an acceptance of shape {shape}, got "
            f"{parts.status.shape} and {parts.acceptance.shape}."
        )


def _checked_trace(trace: Trace | None, total: int, stored: int) -> Trace | None:
    if trace is None:
        return None
    means = np.array(trace.overlaps, dtype=np.float64)
    energies = np.array(trace.energies, dtype=np.float64)
    if means.ndim != 3 or means.shape[1:] != (total, stored):
        raise ValueError(
            f"trace.overlaps must have shape (sweeps + 1, {total}, {stored}), got {means.shape}."
        )
    if energies.shape != means.shape[:2]:
        raise ValueError(f"trace.energies must have shape {means.shape[:2]}, got {energies.shape}.")
    return Trace(_frozen(means), _frozen(energies))


def _copy(array: Any, dtype: Any) -> Any:
    return _frozen(np.array(array, dtype=dtype))


def _frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _checked(
    states: NDArray[np.int8], weights: NDArray[np.float64], num_neurons: int
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Copies of the outcomes of one probe and their weights."""
    rows, mass = np.array(states, dtype=np.int8), np.array(weights, dtype=np.float64)
    if rows.shape != (*mass.shape, num_neurons) or mass.ndim != 1:
        raise ValueError(
            f"outcomes must have shape (K, {num_neurons}) and weights (K,); "
            f"got {rows.shape} and {mass.shape}."
        )
    if mass.size and not (mass.min() >= 0.0 and mass.max() < math.inf):  # not so for NaN, too
        raise ValueError("weights must be finite and not negative.")
    if np.count_nonzero(np.abs(rows) == 1) != rows.size:  # quicker than all()
        raise ValueError("outcomes must hold only +1 and -1.")
    return rows, mass


def _sorted(
    rows: NDArray[np.int8], mass: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The outcomes of one probe in order, without those that never came."""
    if not mass.all():
        rows, mass = rows[mass > 0.0], mass[mass > 0.0]
    # The bits of the index as whole numbers of 64, since lexsort takes its time for each key.
    bits = np.zeros((len(rows), -(-rows.shape[1] // 64) * 64), dtype=np.bool_)
    np.less(rows, 0, out=bits[:, : rows.shape[1]])
    words = np.packbits(bits, axis=1, bitorder="little").view("<u8")
    # The last key counts most: weight, then the words from the highest down. Laws are only equal
    # up to rounding, so that weights are compared to 12 decimals.
    order = np.lexsort((*words.T, -np.round(mass, 12)))
    return _frozen(rows[order]), _frozen(mass[order])


def checked_targets(targets: Any, num_probes: int, num_neurons: int) -> NDArray[np.int8]:
    """Targets of all probes, (P, N), from one for each or one for all.

    Raises:
        TypeError: the entries are no real numbers.
        ValueError: another shape, or an entry other than +-1.
    """
    shape = as_array(targets, "targets").shape
    if len(shape) < 2 and shape != (num_neurons,):
        raise ValueError(
            f"targets must be +-1 patterns of shape ({num_probes}, {num_neurons}), one a probe, or "
            f"({num_neurons},) for all probes; got shape {shape}. For the numbers of stored "
            "patterns give targets=model.patterns[numbers]."
        )
    rows = check_spins(targets, num_neurons, name="targets")
    if len(rows) not in (1, num_probes):
        raise ValueError(
            f"targets must be one pattern or {num_probes}, one a probe; got {len(rows)}."
        )
    return np.array(np.broadcast_to(rows, (num_probes, num_neurons)))


def _row_overlaps(states: NDArray[np.int8], compared: NDArray[np.int8]) -> NDArray[np.float64]:
    """The overlap of each state with its own pattern; NaN where either is a row of 0."""
    overlaps = (states.astype(np.float64) * compared).mean(axis=1)
    there = states.any(axis=1) & compared.any(axis=1)
    return np.asarray(np.where(there, overlaps, math.nan))


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
