"""The Krotov-Hopfield update by votes: the patterns that pass a filter elect each spin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit
from scipy.special import gammaln, xlogy

from .. import laws
from ..blocks.cost import circuit_cost
from ..blocks.filters import ExpFilter, KernelFilter, MemoryFilter
from ..blocks.loaders import Loader
from ..common.checks import check_count, check_flag, settle
from ..common.cost import refuse_memory
from ..models import DenseAssociativeMemory, Exponential, Model, check_order, draw_schedule
from ..patterns import all_states, check_probes, check_spins, to_index
from .ballots import (
    NOISE,
    Ballots,
    CountedVotes,
    DrawnVotes,
    compositions,
    elected,
    sharpness,
    signed_kernel,
    vote_chances,
    vote_outcomes,
)
from .base import (
    Bill,
    Law,
    Method,
    Probes,
    Progress,
    Runner,
    Samples,
    Trace,
    gather,
)
from .markov import PAIRS_LIMIT, Chain, product_distribution
from .mitigated import wanders
from .probes import draw_starts, one_row
from .superposition import bind, filtered_template, refuse_states
from .template import Template
from .trajectories import frozen_order, observe

# Most ways in which the votes of one run can fall on the patterns, for the joint law of all sites.
_FALLS = 500_000
# Most terms of that law over all states and probes, for recall to take it by itself: some seconds.
_TERMS = 5_000_000


@dataclass(frozen=True)
class DenseVote(Method):
    """The update of a dense associative memory by signed, post-selected votes.

    ``s_i <- sign sum_mu xi_i^mu G(h_mu)`` with ``G(h) = F(h + 1) - F(h - 1)`` and h the overlap of
    the other neurons.  The superposition of all patterns is filtered with the kernel
    ``|G| / max |G|`` and the current state as probe, neuron i left unknown; every accepted shot
    votes ``xi_i sign G(h)``, both read from the measured pattern, and the majority of ``votes``
    shots sets the spin.  A tie, as where no shot is accepted, keeps it.  Works for every
    separation function.

    For ``F = exp`` and synchronous updates one run of the exponential filter, no neuron left out,
    serves all sites (:func:`~qhopfield.circuits.laws.exponential_vote`); otherwise each update is
    a run of its own.  One circuit with open angles serves all sites and states.

    Where the infinite-shot vote is 0 the classical update keeps the spin, and finite votes draw
    it at random: see :meth:`expected_votes`.

    Args:
        sweeps: how often each neuron is updated, >= 1.
        order: ``"sequential"``, ``"random"`` (every trajectory draws its own order each sweep) or
            neuron indices, (L,) for every sweep or (sweeps, L).
        votes: shots an update, accepted or not, >= 1.  A share P of them votes, so that an error
            below delta takes ``2 ln(1 / delta) / (P v^2)`` of them, v the expected vote.
        synchronous: whether a sweep updates all neurons at once; ``order`` then plays no part.
        fresh: as in :class:`~.filtered.FilteredMemory`: the exponential filter's N questions on
            ancillas of their own (2 N qubits, one statevector for all shots), instead of one that
            is measured and used again (N + 1 qubits, every shot simulated).

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range.

    Source: update of Krotov and Hopfield 2016, arXiv:1606.01164, eq. 8; the circuit is this
    package's.
    """

    sweeps: int = 1
    order: Any = "sequential"
    votes: int = 256
    synchronous: bool = False
    fresh: bool = False

    def __post_init__(self) -> None:
        settle(
            self,
            sweeps=check_count(self.sweeps, "sweeps", minimum=1),
            votes=check_count(self.votes, "votes", minimum=1),
            order=frozen_order(self.order),
            synchronous=check_flag(self.synchronous, "synchronous"),
            fresh=check_flag(self.fresh, "fresh"),
        )
        if self.synchronous and self.order != "sequential":
            raise ValueError(
                "synchronous=True updates all neurons at once and has no order; leave order out."
            )

    # What a model makes of the choices.

    def filter(self, model: Model) -> MemoryFilter:
        """The filter that lets the voters through.

        Raises:
            TypeError: ``model`` has no separation function.
            ValueError: G is 0 at every overlap, so that there is no vote.
        """
        dense = _dense(model)
        if self._at_once(dense):
            return ExpFilter(sharpness(dense))
        kernel, _ = signed_kernel(dense)
        # All n neurons cannot differ, since one is unknown: the last entry never occurs.
        return KernelFilter([*kernel.tolist(), 0.0])

    def expected_votes(self, model: Model, states: ArrayLike) -> NDArray[np.float64]:
        """The infinite-shot vote at every site, whose sign is the classical update's.

        ``sum_mu xi_i G / sum_mu |G|``, in [-1, 1]; 0 is a tie, also where no pattern votes.

        Args:
            model: the memory.
            states: the current states.

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P, N)

        Raises:
            TypeError: ``model`` has no separation function.
            ValueError: ``states`` is no table of +-1 rows of length N.
        """
        dense = _dense(model)
        rows = check_spins(states, dense.num_neurons)
        patterns = dense.patterns.astype(np.float64)
        overlaps = rows @ patterns.T
        votes = np.zeros(rows.shape)
        for site in range(dense.num_neurons):
            rest = np.rint(overlaps - rows[:, site, None] * patterns[:, site])
            differences = dense.separation.difference(rest)
            some = np.flatnonzero(np.abs(differences).max(axis=1) > 0)
            if some.size:
                votes[some, site] = laws.vote(patterns[:, site], differences[some])
        votes[np.abs(votes) <= NOISE] = 0.0
        return votes

    def _at_once(self, model: DenseAssociativeMemory) -> bool:
        """Whether one run serves all sites."""
        return self.synchronous and isinstance(model.separation, Exponential)

    def _runs(self, model: DenseAssociativeMemory) -> tuple[int, int]:
        """Neuron updates of one trajectory, and runs of ``votes`` shots that they take."""
        num_neurons = model.num_neurons
        refuse_memory(
            200.0 * self.sweeps * num_neurons,
            f"The updates of sweeps={self.sweeps} of {num_neurons} neurons",
            "Use fewer sweeps; a memory of N neurons is at rest after a few.",
        )
        if self.synchronous:
            updates = self.sweeps * num_neurons
            return updates, self.sweeps if self._at_once(model) else updates
        check_order(self.order, num_neurons, self.sweeps)
        schedule = draw_schedule(self.order, num_neurons, self.sweeps, 1, np.random.default_rng(0))
        return int(schedule.size), int(schedule.size)

    # The circuit.

    def circuit(self, model: Model, probe: Probes, *, site: int = 0) -> QuantumCircuit:
        """The circuit of one vote, measured, ready for any backend.

        The first N classical bits (register ``neurons``) are the pattern that votes, if all bits
        of ``failed`` are 0.

        Args:
            model: the memory.
            probe: the current state, +-1, (N,).
            site: the neuron that is voted on; where one run serves all sites it plays no part.

        Raises:
            TypeError: ``probe`` holds no real numbers, or ``model`` has no separation function.
            ValueError: an entry other than +-1, a wrong width, or a site out of range.
        """
        dense = _dense(model)
        refuse_states(probe, self)
        row = one_row(probe, dense.num_neurons)
        check_count(site, "site", maximum=dense.num_neurons - 1)
        if not (np.abs(row) == 1.0).all():
            raise ValueError(
                "A vote is taken in a whole state: the probe of one circuit must hold only +1 and "
                f"-1, got {row[np.abs(row) != 1.0][0]:g}."
            )
        if not self._at_once(dense):
            row[site] = 0.0
        template, _ = self._template(dense)
        return bind(template, self.filter(dense).angles(row)[0])

    def _template(self, model: DenseAssociativeMemory) -> tuple[Template, Loader]:
        return filtered_template(model.patterns, self.filter(model), fresh=self.fresh)

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`."""
        dense = _dense(model)
        template, loader = self._template(dense)
        updates, runs = self._runs(dense)
        repetitions = runs * self.votes
        gates = circuit_cost(template.circuit).two_qubit_gates
        return Bill(
            circuit=template.circuit,
            repetitions=repetitions,
            updates=updates,
            expected_two_qubit_gates=float(gates * repetitions),
            loading=loader.choice.two_qubit_gates * repetitions,
        )

    # The law.

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of recalled states: a Markov chain over all 2^N states.

        A vote is +1, -1 or (rejected) 0 with probabilities that the patterns give; the sign of
        the sum of ``votes`` of them is exact, binomial by binomial.

        Args:
            model: the memory.
            probe: +-1, or 0 for an erased entry (drawn at random), (N,).

        Raises:
            TypeError: ``model`` or ``probe`` has a wrong type.
            ValueError: a wrong shape or value, more than 12 neurons, or too many ways in which
                the votes of one run can fall on the patterns, where it serves all sites: use
                :func:`~qhopfield.circuits.recall` with ``exact=True``, which then samples.
        """
        dense = _dense(model)
        num_neurons = dense.num_neurons
        if num_neurons > PAIRS_LIMIT:
            raise ValueError(
                f"The exact law of {num_neurons} neurons needs 2^N x 2^N numbers; {PAIRS_LIMIT} "
                "neurons are the most here. recall(..., exact=True) samples the same law at any "
                "size."
            )
        self._runs(dense)  # checks the order
        weight = product_distribution(self._rows(dense, probe, single=True)[0])
        if self._at_once(dense):
            for _ in range(self.sweeps):
                weight = self._moved_at_once(dense, weight)
        else:
            chain = Chain(self._chances_up(dense), weight)
            if self.synchronous:
                for _ in range(self.sweeps):
                    chain.sweep_synchronous()
            elif isinstance(self.order, str) and self.order == "random":
                for _ in range(self.sweeps):
                    chain.sweep_random()
            else:
                rng = np.random.default_rng(0)
                for neuron in draw_schedule(self.order, num_neurons, self.sweeps, 1, rng).tolist():
                    chain.update(neuron)
            weight = chain.table[0]
        possible = np.flatnonzero(weight > 0.0)
        return Law(all_states(num_neurons)[possible], weight[possible] / weight.sum())

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        return (
            "DenseVote decides each spin by a count of single shots before it goes on, which "
            "mitigation cannot correct afterwards: use FilteredMemory(), or leave mitigation out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return wanders(self)

    @property
    def law_limit(self) -> int:
        """The most neurons whose exact law is computed.

        Where one run serves all sites the number of patterns matters, too: see :meth:`has_law`.
        """
        return PAIRS_LIMIT

    def has_law(self, model: Model, probes: NDArray[np.float64]) -> bool:
        """See :meth:`Method.has_law`.

        Where one run serves all sites the law sums over the ways in which its votes fall on the
        patterns, once for every state that a sweep starts from: at most 5,000,000 terms are taken.
        """
        dense = _dense(model)
        if model.num_neurons > self.law_limit or not self._at_once(dense):
            return model.num_neurons <= self.law_limit
        ways = math.comb(self.votes + len(dense.patterns), self.votes)
        erased = int(np.count_nonzero(probes == 0.0, axis=1).max(initial=0))
        starts = 2**erased + (self.sweeps - 1) * 2**model.num_neurons
        return ways <= _FALLS and ways * starts * len(probes) <= _TERMS

    def _chances_up(self, model: DenseAssociativeMemory) -> NDArray[np.float64]:
        """Probability that the vote in each state sets each neuron to +1, (2^N, N)."""
        states = all_states(model.num_neurons)
        up = np.empty(states.shape)
        refuse_memory(
            100.0 * self.votes * len(states),
            f"The law of votes={self.votes} in {len(states)} states",
            "Use fewer votes.",
        )
        for site in range(model.num_neurons):
            chances = np.stack(vote_chances(model, states, site), axis=1)
            distinct, group = np.unique(chances, axis=0, return_inverse=True)
            won, tied, _ = vote_outcomes(distinct[:, 0], distinct[:, 1], self.votes)
            up[:, site] = won[group] + np.where(states[:, site] > 0, tied[group], 0.0)
        return np.clip(up, 0.0, 1.0)

    def _moved_at_once(
        self, model: DenseAssociativeMemory, weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """One synchronous sweep in which a single run serves all sites, summed over its falls."""
        states = all_states(model.num_neurons)
        moved = np.zeros_like(weight)
        for index in np.flatnonzero(weight > 0.0).tolist():
            state = states[index]
            kept = self.filter(model).acceptances(model.patterns, state.astype(float))[0]
            voters = np.flatnonzero(kept > 0.0)
            number = math.comb(self.votes + voters.size, voters.size)
            if number > _FALLS:
                raise ValueError(
                    f"{self.votes} votes can fall on {voters.size} patterns in {number:.2g} ways, "
                    f"and the joint law of all sites sums over them; {_FALLS} are the most here. "
                    "recall(..., exact=True) samples the same law, and synchronous=False has a "
                    "law of its own at any number of patterns."
                )
            falls = compositions(self.votes, voters.size)
            share = kept[voters] / len(model.patterns)
            lost = self.votes - falls.sum(axis=1)
            logs = xlogy(falls, share).sum(axis=1) + xlogy(lost, max(0.0, 1.0 - share.sum()))
            logs += gammaln(self.votes + 1) - gammaln(falls + 1).sum(axis=1) - gammaln(lost + 1)
            current = np.broadcast_to(state, (len(falls), state.size))
            found = elected(sharpness(model), falls, model.patterns[voters], current)
            moved += weight[index] * np.bincount(
                to_index(found), weights=np.exp(logs), minlength=len(weight)
            )
        return moved

    # Running.

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws trajectories from the law, at any size; see :meth:`Method.sample_law`."""
        dense = _dense(model)
        ballots = DrawnVotes(dense, self.filter(dense), self.votes, rng)
        return self._drive(ballots, probes, shots, rng, progress)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits; see :meth:`Method.run`.

        Every trajectory has votes of its own; those in the same state share a run, whose shots
        are dealt out to them at random.  ``attempts`` of the samples is the number of loadings of
        the memory that a trajectory took.
        """
        dense = _dense(model)
        ballots = CountedVotes(dense, self.filter(dense), self.votes, rng, runner, fresh=self.fresh)
        return self._drive(ballots, probes, shots, rng, progress)

    def _rows(
        self, model: DenseAssociativeMemory, probes: Probes, *, single: bool = False
    ) -> NDArray[np.float64]:
        """Probes as +-1 and 0."""
        refuse_states(probes, self)
        rows = (
            one_row(probes, model.num_neurons)[None, :]
            if single
            else check_probes(probes, model.num_neurons)
        )
        soft = np.argwhere(~np.isin(rows, (-1.0, 0.0, 1.0)))
        if soft.size:
            row, neuron = soft[0]
            raise ValueError(
                "DenseVote takes no product states: a probe must hold only +1, -1 and 0 (erased, "
                f"drawn at random); got {rows[row, neuron]:g} in row {row} at neuron {neuron}. "
                "FilteredMemory(ExpFilter(beta)) and NeuronDynamics take real probes."
            )
        return rows

    def _drive(
        self,
        ballots: Ballots,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """Moves all trajectories through the schedule of updates."""
        model = ballots.model
        num_neurons = model.num_neurons
        _, runs = self._runs(model)
        rows = self._rows(model, probes)
        states = draw_starts(rows, num_neurons, shots, rng)
        alive = np.ones(len(states), dtype=np.bool_)
        seen = [observe(model, states, alive, shots)]
        done = 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            if progress is not None:
                progress(done, runs)

        if self.synchronous:
            for _ in range(self.sweeps):
                if self._at_once(model):
                    states = ballots.all_sites(states)
                    advance(1)
                else:
                    moved = states.copy()
                    for site in range(num_neurons):
                        _set(moved, site, ballots.one_site(states, site))
                        advance(1)
                    states = moved
                seen.append(observe(model, states, alive, shots))
        else:
            schedule = draw_schedule(self.order, num_neurons, self.sweeps, len(states), rng)
            steps = schedule.shape[-1]
            for step in range(steps):
                sites = schedule[:, step] if schedule.ndim == 2 else int(schedule[step])
                _set(states, sites, ballots.one_site(states, sites))
                if (step + 1) % (steps // self.sweeps) == 0:
                    seen.append(observe(model, states, alive, shots))
                advance(1)
        outcomes, weights = gather(states, alive, shots)
        return Samples(
            outcomes=outcomes,
            weights=weights,
            shots=shots,
            acceptance=np.ones(len(rows)),
            attempts=np.full(len(rows), ballots.loadings(runs * self.votes)),
            folded=np.full(len(rows), math.nan),
            trace=Trace(np.stack([each[0] for each in seen]), np.stack([each[1] for each in seen])),
        )


def _set(states: NDArray[np.int8], sites: int | NDArray[np.int64], sums: NDArray[np.int64]) -> None:
    """Sets the spin of one site of every row to the sign of its votes; a tie keeps it."""
    rows = np.arange(len(states))
    states[rows, sites] = np.where(sums == 0, states[rows, sites], np.sign(sums))


def _dense(model: Model) -> DenseAssociativeMemory:
    """The model, if its update is a difference of energies of a separation function.

    Raises:
        TypeError: any other model; the message says what works.
    """
    if not isinstance(model, DenseAssociativeMemory):
        raise TypeError(
            "DenseVote needs a separation function, so a DenseAssociativeMemory; got "
            f"{type(model).__name__}. DenseAssociativeMemory(patterns, separation=Polynomial(2)) "
            "has the updates of a Hebbian Hopfield network and Exponential(beta) those of a "
            "ModernHopfield; NeuronDynamics runs any Hopfield."
        )
    return model
