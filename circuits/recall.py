"""The one verb: recall."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit_aer.noise import NoiseModel

from .common.checks import check_count, check_flag, check_kind, check_path, check_real
from .common.cluster import check_client
from .common.later import snapshot
from .common.progress import progress_bar
from .common.randomness import Seed, as_generator, seed_number
from .distribution import RunnerRecipe, recall_journal, run_pieces, weighed
from .execution import Mitigation, settle_seed
from .methods import AtomizedMemory, FilteredMemory, Method, NeuronDynamics, Samples
from .methods.base import Probes
from .methods.mitigated import keep_codewords, refuse_mitigation
from .methods.probes import as_states, expectations_of
from .methods.superposition import stored_patterns
from .models import ClassicalRecall, Model, ModernHopfield
from .patterns.conversion import ambiguity_told, tell_ambiguous_probes
from .resources import resources
from .result import RecallResult, checked_targets

if TYPE_CHECKING:
    from distributed import Client


def recall(
    model: Model,
    probes: Probes,
    method: Method | None = None,
    *,
    targets: ArrayLike | None = None,
    shots: int = 1024,
    backend: BackendV2 | None = None,
    sampler: BaseSamplerV2 | None = None,
    noise_model: NoiseModel | None = None,
    pass_manager: Any = None,
    mitigation: Mitigation | None = None,
    seed: Seed = None,
    exact: bool = False,
    workers: int | None = None,
    client: Client | str | None = None,
    journal: str | os.PathLike[str] | None = None,
    deadline: float | None = None,
    progress: bool = False,
) -> RecallResult:
    """Recalls stored patterns from probes by running a method's circuits.

    Args:
        model: the memory: energy and update rule.
        probes: what recall starts from: spin expectations in [-1, 1] (+-1 known, 0 erased,
            between a product state), or Statevectors. Probes of only 0 and 1 are told of by an
            ``AmbiguousDataWarning``; data of zeros and ones go through
            :func:`~qhopfield.circuits.patterns.from_binary` first.
        method: the circuit that makes it happen; None takes ``NeuronDynamics()``, and
            ``FilteredMemory()`` for a :class:`ModernHopfield`.
        targets: what was meant: the patterns, +-1, that the probes were made from, or one for all.
            The result's accuracy, overlaps, table and picture compare with them; without them
            these compare with the stored pattern that is nearest to what was recalled.
        shots: runs a probe, >= 1.
        backend: an AerSimulator or any BackendV2; None uses Aer and chooses how to simulate.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        pass_manager: transpiles each circuit once before it is bound.
        mitigation: which errors of the device are mitigated, and how.
        seed: of everything random; the same seed gives the same answer. The result keeps it where
            it is a number; of a generator, or of None, it keeps None. None takes the seed that the
            backend or sampler carries, if it does (``AerSimulator(seed_simulator=5)``,
            ``SamplerV2(seed=5)``); a seed that is given here replaces it. A device, and a sampler
            that takes no seed, draw their shots as they please: a warning says so, and the result
            names no seed.
            The sampled law of neurons gives a probe the same shots whatever is asked with it;
            circuits run for all probes together, and a probe's shots may change with the others.
        exact: runs no circuit and takes the method's law: the exact distribution where it is
            small enough to write down, else ``shots`` samples of it.
        workers: processes, one thread each, among which submodules and probes are dealt out, in
            pieces with seeds of their own: the answer is the same for any number, 1 included. None
            runs everything here at once (an :class:`AtomizedMemory` to that same answer). A script
            that asks for more than 1 must guard its start by ``if __name__ == "__main__":``.
        client: a ``distributed.Client``, or the address of a scheduler, in place of ``workers``.
        journal: file that keeps what each piece gave, as soon as it is there; a run that was
            killed goes on from it. Needs a ``seed``.
        deadline: seconds a round of pieces may take; submodules of an :class:`AtomizedMemory` that
            have not answered by then are left out.
        progress: whether to draw a progress bar on standard error.

    Returns:
        The result: states, probabilities, expectations, overlaps, energies, acceptance, cost, and
        the classical dynamics from the same probes.

    Shapes:
        probes: (P, N), (N,), a Statevector of N qubits, or a list of P of them.
        targets: (P, N) or (N,); for the numbers of stored patterns, ``model.patterns[numbers]``.

    Raises:
        BlockingIOError: the journal is in use by another process.
        ConnectionError: no scheduler answers, or it is lost.
        RuntimeError: every submodule or every worker is lost.
        TypeError: an argument has a wrong type.
        ValueError: a wrong shape or value, a circuit that does not fit the machine (with its cost
            and the alternative), a pair of model and method that cannot work, or mitigation that
            cannot apply.

    Example:
        >>> from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron, recall
        >>> memory = Hopfield.store([[1, 1, 1, -1, -1, -1], [1, -1, 1, -1, 1, -1]])
        >>> method = NeuronDynamics(RUSNeuron(level=2), sweeps=2)
        >>> result = recall(memory, [1, 1, 1, -1, -1, 1], method, targets=memory.patterns[0],
        ...                 shots=200, seed=7)
        >>> result.states.tolist(), result.accuracy
        ([[1, 1, 1, -1, -1, -1]], 1.0)
    """
    check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
    if method is None:
        method = FilteredMemory() if isinstance(model, ModernHopfield) else NeuronDynamics()
    check_kind(method, "method", Method, "a method such as NeuronDynamics()")
    shots = check_count(shots, "shots", minimum=1)
    workers = None if workers is None else check_count(workers, "workers", minimum=1)
    exact, progress = check_flag(exact, "exact"), check_flag(progress, "progress")
    seeded = True
    if not exact and not method.classical:
        seed, seeded = settle_seed(seed, backend=backend, sampler=sampler)
    number = seed_number(seed)
    expectations = expectations_of(probes, model.num_neurons)
    if as_states(probes) is None:
        tell_ambiguous_probes(expectations)
    if targets is not None:
        targets = checked_targets(targets, *expectations.shape)
    if mitigation is not None:
        check_kind(mitigation, "mitigation", Mitigation, "a Mitigation or None")
    spread = workers is not None or client is not None or journal is not None
    check_client(1 if workers is None else workers, client)
    if journal is not None:
        check_path(journal, "journal")
    if deadline is not None:
        check_real(deadline, "deadline", minimum=0.0, exclusive=True)
        if not isinstance(method, AtomizedMemory):
            raise ValueError(
                "deadline leaves out submodules that are late, which only an AtomizedMemory can do "
                f"without; got {type(method).__name__}."
            )
    given = (backend, sampler, noise_model, pass_manager, mitigation)
    if exact and any(each is not None for each in given):
        raise ValueError(
            "exact=True takes the law and runs no circuit: leave out backend, sampler, "
            "noise_model, pass_manager and mitigation."
        )
    refuse_mitigation(method, mitigation)
    if exact and method.has_law(model, expectations):
        if spread:
            raise ValueError(
                "This law is computed at once: leave out workers, client and journal "
                "(softmax_recall spreads the law of a large memory)."
            )
        each = as_states(probes) or list(expectations)
        samples = Samples.from_laws([method.law(model, probe) for probe in each])
        ran_on = "law"
    else:
        recipe = RunnerRecipe(*given)
        with ExitStack() as stack, progress_bar("recall", progress) as advance:

            def spread_out(law: bool) -> Samples:
                kept = None
                if journal is not None:
                    kept = recall_journal(journal, model, method, probes, shots, seed, recipe, law)
                    stack.enter_context(kept)
                return run_pieces(
                    method.pieces(model, probes, shots, as_generator(seed), law=law),
                    recipe,
                    workers=1 if workers is None else workers,
                    client=client,
                    journal=kept,
                    deadline=deadline,
                    progress=advance,
                )

            if exact:
                samples = (
                    spread_out(law=True)
                    if spread
                    else method.sample_law(model, probes, shots, as_generator(seed), advance)
                )
                ran_on = "law, sampled"
            else:
                runner = recipe.make()
                ran_on = runner.name
                if spread or isinstance(method, AtomizedMemory):
                    samples = spread_out(law=False)
                    ran_on = samples.ran_on or ran_on
                else:
                    given_samples = method.run(
                        model, probes, shots, runner, as_generator(seed), advance
                    )
                    samples = weighed(given_samples, runner)
                    runner.close()
                    ran_on = runner.name
                ran_on = "classical" if method.classical else ran_on
                if mitigation is not None and mitigation.codewords:
                    samples = keep_codewords(samples, stored_patterns(model))
    # A method that cannot be copied is counted now, before it can change.
    kept = snapshot(method)
    return RecallResult.from_samples(
        samples,
        model=model,
        method=repr(method),
        probes=expectations,
        run_on=ran_on,
        # A seed that the shots do not follow would promise that they can be had again.
        seed=number if seeded else None,
        resources=partial(resources, method=kept) if kept is not None else resources(model, method),
        classical=partial(_classical, probes=expectations, seed=number),
        targets=targets,
        codewords=mitigation is not None and mitigation.codewords,
    )


def _classical(model: Model, *, probes: NDArray[np.float64], seed: int | None) -> ClassicalRecall:
    """The classical dynamics from the same probes."""
    with ambiguity_told():  # by recall itself
        return model.recall(probes, seed=np.random.default_rng(0 if seed is None else seed))
