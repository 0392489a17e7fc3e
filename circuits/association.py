"""Hetero-association and classification: what a filtered memory has beside its patterns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit_aer.noise import NoiseModel

from . import laws
from .blocks.cost import circuit_cost
from .blocks.filters import MemoryFilter
from .common.checks import as_array, check_count, check_flag, check_kind
from .common.later import HasLateFields, Late, snapshot, with_late_fields
from .common.randomness import Seed, as_generator
from .execution import make_runner, settle_seed
from .methods.base import Counts, unpack_counts
from .methods.superposition import ONCE, filtered_template, refuse_empty
from .methods.template import Template
from .patterns import check_probes
from .patterns.checks import as_rows
from .patterns.conversion import tell_ambiguous_probes
from .resources import Resources


@with_late_fields("resources")
@dataclass(frozen=True, eq=False)
class Association(HasLateFields):
    """Values that a memory gives for keys.

    Attributes:
        expectations: mean values, (P, V), in [-1, 1].
        standard_errors: ``sqrt((1 - r^2) / (S P))``, (P, V); 0 for an exact law.
        acceptance: (P,) accepted share of the shots, or its exact probability.
        law_expectations: (P, V) the exact law: also what the classical twin, rejection sampling
            of the stored pairs, gives with as many shots accepted.
        law_acceptance: (P,) the twin's acceptance.
        shots: shots a probe; 0 for an exact law.
        run_on: what ran.
        resources: what one shot costs, counted when it is first looked at.
    """

    expectations: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    acceptance: NDArray[np.float64]
    law_expectations: NDArray[np.float64]
    law_acceptance: NDArray[np.float64]
    shots: int
    run_on: str
    resources: Resources


@with_late_fields("resources")
@dataclass(frozen=True, eq=False)
class Classification(HasLateFields):
    """Classes that a memory of labelled patterns gives to probes.

    Attributes:
        classes: (C,) the labels that occur, sorted.
        predictions: (P,) the label of the greatest share; the first of equals.
        probabilities: (P, C) share of each class among the accepted shots.
        standard_errors: ``sqrt(p (1 - p) / (S P))``, (P, C); 0 for an exact law.
        acceptance: (P,) accepted share of the shots, or its exact probability.
        law_probabilities: (P, C) the exact law, which is the classical twin's (rejection sampling
            of the stored pairs).
        law_predictions: (P,) what it predicts.
        law_acceptance: (P,) the twin's acceptance.
        shots: shots a probe; 0 for an exact law.
        run_on: what ran.
        resources: what one shot costs, counted when it is first looked at.
    """

    classes: NDArray[Any]
    predictions: NDArray[Any]
    probabilities: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    acceptance: NDArray[np.float64]
    law_probabilities: NDArray[np.float64]
    law_predictions: NDArray[Any]
    law_acceptance: NDArray[np.float64]
    shots: int
    run_on: str
    resources: Resources


def associate(
    keys: ArrayLike,
    values: ArrayLike,
    probes: ArrayLike,
    filter: MemoryFilter,
    *,
    shots: int = 1024,
    fresh: bool = False,
    exact: bool = False,
    backend: BackendV2 | None = None,
    sampler: BaseSamplerV2 | None = None,
    noise_model: NoiseModel | None = None,
    pass_manager: Any = None,
    seed: Seed = None,
) -> Association:
    """Looks values up by keys: the probe filters the keys, the value qubits beside are read.

    With :class:`~.blocks.ExpFilter` it is attention: ``V^T softmax(beta K x)``.

    Args:
        keys: +-1 patterns, or expectations in [-1, 1] (product states, with an index register).
        values: what goes with each key, expectations in [-1, 1] on V qubits.
        probes: what is looked up; entries that the filter takes.
        filter: which keys are kept.
        shots: runs a probe, >= 1.
        fresh: whether each question of the filter has an ancilla of its own.
        exact: runs no circuit and takes the law.
        backend: an AerSimulator or any BackendV2; None uses Aer and chooses how to simulate.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        pass_manager: transpiles the circuit once before it is bound.
        seed: of everything random.

    Shapes:
        keys: (M, N)
        values: (M, V)
        probes: (P, N) or (N,)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: a wrong shape or value; no key passes the filter (acceptance 0), or no shot
            was accepted.

    Source: values read out by attention as in Ramsauer et al. 2020, arXiv:2008.02217; the circuit
    is this package's.

    >>> from qhopfield.circuits import ExpFilter, associate
    >>> found = associate([[1, 1, 1], [-1, -1, 1]], [[1], [-1]], [1, 1, 1], ExpFilter(1.0),
    ...                   exact=True)
    >>> found.expectations.round(3).tolist()
    [[0.964]]
    """
    stored = _pairs(keys, values, "keys")
    asked = _Asked(*stored, probes, filter, fresh, shots)
    law_values = np.asarray(asked.shares @ asked.values)
    if check_flag(exact, "exact"):
        _refuse_execution(backend, sampler, noise_model, pass_manager)
        return asked.billed(
            Association(
                expectations=law_values,
                standard_errors=np.zeros_like(law_values),
                acceptance=asked.acceptance,
                law_expectations=law_values,
                law_acceptance=asked.acceptance,
                shots=0,
                run_on="law",
                resources=_LATER,
            )
        )
    readings, run_on = asked.run(shots, backend, sampler, noise_model, pass_manager, seed)
    means, accepted = [], []
    for probe, counts in enumerate(readings):
        states, numbers = asked.values_of(counts)
        asked.refuse_nothing(probe, numbers.sum(), shots)
        means.append(numbers @ states / numbers.sum())
        accepted.append(numbers.sum() / shots)
    expectations, acceptance = np.stack(means), np.array(accepted)
    return asked.billed(
        Association(
            expectations=expectations,
            standard_errors=np.asarray(
                laws.standard_error(expectations, float(shots), acceptance[:, None])
            ),
            acceptance=acceptance,
            law_expectations=law_values,
            law_acceptance=asked.acceptance,
            shots=shots,
            run_on=run_on,
            resources=_LATER,
        )
    )


def classify(
    patterns: ArrayLike,
    labels: Sequence[Any] | NDArray[Any],
    probes: ArrayLike,
    filter: MemoryFilter,
    *,
    shots: int = 1024,
    fresh: bool = False,
    exact: bool = False,
    backend: BackendV2 | None = None,
    sampler: BaseSamplerV2 | None = None,
    noise_model: NoiseModel | None = None,
    pass_manager: Any = None,
    seed: Seed = None,
) -> Classification:
    """Nearest-neighbour classification: every stored pattern weighs in by its distance.

    The training set is one superposition ``sum_mu |xi^mu>|c^mu>`` with the class on
    ``ceil(log2 C)`` qubits; the probe filters the patterns, and the class qubits are read.  The
    paper's kernel is ``TrugenbergerFilter(1)``; sharper filters come nearer to one neighbour.

    Args:
        patterns: the training set; the same pattern may come twice.
        labels: a label for each pattern, numbers or strings.
        probes: what is classified; entries that the filter takes.
        filter: how a pattern's weight falls with its distance.
        shots: as the arguments below, see :func:`associate`.
        fresh: whether each question of the filter has an ancilla of its own.
        exact: runs no circuit and takes the law.
        backend: an AerSimulator or any BackendV2.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        pass_manager: transpiles the circuit once before it is bound.
        seed: of everything random.

    Returns:
        The classes and their shares.  A reading that is no class (noise) counts as rejected.

    Shapes:
        patterns: (M, N)
        labels: (M,)
        probes: (P, N) or (N,)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: a wrong shape or value, fewer than two classes, acceptance 0, or no shot was
            accepted.

    Source: Schuld, Sinayskiy and Petruccione 2014, arXiv:1412.3646.
    """
    names = as_array(labels, "labels")
    if names.dtype.kind not in "biuUS":
        raise TypeError(f"labels must be whole numbers or strings, got dtype {names.dtype}.")
    training = check_probes(patterns, as_rows(patterns, "patterns").shape[1], name="patterns")
    if names.shape != (len(training),):
        raise ValueError(
            f"labels must have shape ({len(training)},), one a pattern; got {names.shape}."
        )
    classes, code = np.unique(names, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"Classification needs two classes or more, got only {classes[0]!r}.")
    width = (len(classes) - 1).bit_length()
    bits = (1 - 2 * (code[:, None] >> np.arange(width) & 1)).astype(np.float64)
    asked = _Asked(training, bits, probes, filter, fresh, shots)
    member = (code[:, None] == np.arange(len(classes))).astype(float)
    law_shares = np.asarray(asked.shares @ member)
    law_predictions = classes[law_shares.argmax(axis=1)]
    if check_flag(exact, "exact"):
        _refuse_execution(backend, sampler, noise_model, pass_manager)
        shares, acceptance, shots, run_on = law_shares, asked.acceptance, 0, "law"
        errors = np.zeros_like(shares)
    else:
        readings, run_on = asked.run(shots, backend, sampler, noise_model, pass_manager, seed)
        tallies = np.zeros((len(readings), len(classes)))
        for probe, counts in enumerate(readings):
            states, numbers = asked.values_of(counts)
            found = (states < 0).astype(np.int64) @ (1 << np.arange(width))
            known = found < len(classes)
            np.add.at(tallies[probe], found[known], numbers[known])
            asked.refuse_nothing(probe, tallies[probe].sum(), shots)
        accepted = tallies.sum(axis=1)
        shares, acceptance = tallies / accepted[:, None], accepted / shots
        errors = np.sqrt(shares * (1.0 - shares) / accepted[:, None])
    return asked.billed(
        Classification(
            classes=classes,
            predictions=classes[shares.argmax(axis=1)],
            probabilities=shares,
            standard_errors=errors,
            acceptance=acceptance,
            law_probabilities=law_shares,
            law_predictions=law_predictions,
            law_acceptance=asked.acceptance,
            shots=shots,
            run_on=run_on,
            resources=_LATER,
        )
    )


# In the place of what is counted when it is first looked at.
_LATER = cast(Resources, None)

A = TypeVar("A", bound=HasLateFields)


class _Asked:
    """Pairs of key and value, a filter, and the probes asked: the law and the circuit."""

    def __init__(
        self,
        keys: NDArray[np.float64],
        values: NDArray[np.float64],
        probes: ArrayLike,
        chosen: MemoryFilter,
        fresh: bool,
        shots: int,
    ) -> None:
        expected = "ExpFilter(...), KernelFilter(...) or TrugenbergerFilter(...)"
        check_kind(chosen, "filter", MemoryFilter, expected)
        # Used again when the resources are looked at.
        copy = snapshot(chosen)
        self._copied = copy is not None
        check_count(shots, "shots", minimum=1)
        self.keys, self.values, self._fresh = keys, values, check_flag(fresh, "fresh")
        self._chosen = chosen if copy is None else copy
        self.rows = check_probes(probes, keys.shape[1])
        tell_ambiguous_probes(self.rows)
        kept = chosen.acceptances(keys, self.rows)
        refuse_empty(kept)
        shares, acceptance = laws.kernel_memory(kept)
        self.shares, self.acceptance = np.asarray(shares), np.asarray(acceptance)
        self._made: tuple[Template, int] | None = None

    def _template(self) -> tuple[Template, int]:
        """The circuit, and the two-qubit gates of its loader."""
        if self._made is None:
            template, loader = filtered_template(
                self.keys, self._chosen, fresh=self._fresh, values=self.values
            )
            self._made = template, loader.choice.two_qubit_gates
        return self._made

    def run(
        self,
        shots: int,
        backend: BackendV2 | None,
        sampler: BaseSamplerV2 | None,
        noise_model: NoiseModel | None,
        pass_manager: Any,
        seed: Seed,
    ) -> tuple[list[Counts], str]:
        """Readings of every probe, and what ran."""
        shots = check_count(shots, "shots", minimum=1)
        runner = make_runner(
            backend=backend, sampler=sampler, noise_model=noise_model, pass_manager=pass_manager
        )
        rng = as_generator(settle_seed(seed, backend=backend, sampler=sampler)[0])
        template, _ = self._template()
        runner.admit(
            template.circuit.num_qubits,
            "Use exact=True (the law costs O(M N)), or fewer neurons.",
            rank=len(self.keys),
            simpler=None if self._fresh else "fresh=True " + ONCE,
        )
        readings = runner.run(
            template.circuit,
            template.parameters,
            self._chosen.angles(self.rows),
            np.full(len(self.rows), shots),
            rng,
        )
        runner.close()
        return readings, runner.name

    def values_of(self, counts: Counts) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Values (K, V) that the accepted shots gave, and how often."""
        template, _ = self._template()
        kept = {key: number for key, number in counts.items() if not key & template.rejecting}
        return unpack_counts(kept, self.keys.shape[1], self.values.shape[1])

    def refuse_nothing(self, probe: int, accepted: float, shots: int) -> None:
        """Raises where nothing was accepted, so that there is nothing to average."""
        if not accepted:
            chance = float(self.acceptance[probe])
            raise ValueError(
                f"None of {shots} shots was accepted for probe {probe}, whose acceptance by law "
                f"is {chance:.3g}: use some {math.ceil(100 / chance)} shots, a softer filter, or "
                "exact=True."
            )

    def billed(self, answer: A) -> A:
        """The answer with its resources, which are counted when they are first looked at."""
        answer._defer(_Bill(self))
        if not self._copied:  # counted now, before the filter can change
            answer._look_at_all()
        return answer

    def resources(self) -> Resources:
        """What one shot costs."""
        template, loading = self._template()
        cost = circuit_cost(template.circuit)
        return Resources(
            qubits=cost.qubits,
            updates=0,
            circuits=1,
            two_qubit_gates=cost.two_qubit_gates,
            expected_two_qubit_gates=float(cost.two_qubit_gates),
            depth=cost.depth,
            loading=loading,
        )


class _Bill(Late):
    """The resources of an answer, from what was asked."""

    def __init__(self, asked: _Asked) -> None:
        super().__init__()
        self._asked = asked

    def values(self, name: str, owner: Any) -> dict[str, Any]:
        return {name: self._asked.resources()}


def _pairs(
    keys: ArrayLike, values: ArrayLike, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keys (M, N) and values (M, V) in [-1, 1]."""
    stored = check_probes(keys, as_rows(keys, name).shape[1], name=name)
    attached = check_probes(values, as_rows(values, "values").shape[1], name="values")
    if np.ndim(values) != 2 or len(attached) != len(stored):
        raise ValueError(
            f"values must have shape ({len(stored)}, V), one row a key; got {np.shape(values)}."
        )
    return stored, attached


def _refuse_execution(*given: object) -> None:
    if any(each is not None for each in given):
        raise ValueError(
            "exact=True takes the law and runs no circuit: leave out backend, sampler, "
            "noise_model and pass_manager."
        )
