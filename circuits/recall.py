"""The one verb: recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit_aer.noise import NoiseModel

from .common.checks import check_count
from .common.progress import progress_bar
from .common.randomness import Seed, as_generator
from .execution import make_runner
from .methods import FilteredMemory, Method, NeuronDynamics, Samples
from .methods.base import Probes
from .methods.probes import as_states, expectations_of
from .models import Model, ModernHopfield
from .resources import resources
from .result import RecallResult


def recall(
    model: Model,
    probes: Probes,
    method: Method | None = None,
    *,
    shots: int = 1024,
    backend: BackendV2 | None = None,
    sampler: BaseSamplerV2 | None = None,
    noise_model: NoiseModel | None = None,
    pass_manager: Any = None,
    seed: Seed = None,
    exact: bool = False,
    progress: bool = False,
) -> RecallResult:
    """Recalls stored patterns from probes by running a method's circuits.

    Args:
        model: the memory: energy and update rule.
        probes: what recall starts from: spin expectations in [-1, 1] (+-1 known, 0 erased,
            between a product state), or Statevectors.
        method: the circuit that makes it happen; None takes ``NeuronDynamics()``, and
            ``FilteredMemory()`` for a :class:`ModernHopfield`.
        shots: runs a probe, >= 1.
        backend: an AerSimulator or any BackendV2; None uses Aer and chooses how to simulate.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        pass_manager: transpiles each circuit once before it is bound.
        seed: of everything random; the same seed gives the same answer.
        exact: runs no circuit and takes the method's law: the exact distribution where it is
            small enough to write down, else ``shots`` samples of it.
        progress: whether to draw a progress bar on standard error.

    Returns:
        The result: states, probabilities, expectations, overlaps, energies, acceptance, cost, and
        the classical dynamics from the same probes.

    Shapes:
        probes: (P, N), (N,), a Statevector of N qubits, or a list of P of them.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: a wrong shape or value, a circuit that does not fit the machine (with its cost
            and the alternative), or a pair of model and method that cannot work.

    Example:
        >>> from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron, recall
        >>> memory = Hopfield.store([[1, 1, 1, -1, -1, -1], [1, -1, 1, -1, 1, -1]])
        >>> method = NeuronDynamics(RUSNeuron(level=2), sweeps=2)
        >>> result = recall(memory, [1, 1, 1, -1, -1, 1], method, shots=200, seed=7)
        >>> result.states.tolist()
        [[1, 1, 1, -1, -1, -1]]
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"model must be a memory such as Hopfield.store(patterns), got {type(model).__name__}."
        )
    if method is None:
        method = FilteredMemory() if isinstance(model, ModernHopfield) else NeuronDynamics()
    if not isinstance(method, Method):
        raise TypeError(
            f"method must be a method such as NeuronDynamics(), got {type(method).__name__}."
        )
    check_count(shots, "shots", minimum=1)
    rng = as_generator(seed)
    expectations = expectations_of(probes, model.num_neurons)
    with progress_bar("recall", progress) as advance:
        if exact:
            if any(each is not None for each in (backend, sampler, noise_model, pass_manager)):
                raise ValueError(
                    "exact=True takes the law and runs no circuit: leave out backend, sampler, "
                    "noise_model and pass_manager."
                )
            if model.num_neurons <= method.law_limit:
                each = as_states(probes) or list(expectations)
                samples = Samples.from_laws([method.law(model, probe) for probe in each])
                ran_on = "law"
            else:
                samples = method.sample_law(model, probes, shots, rng, advance)
                ran_on = "law, sampled"
        else:
            runner = make_runner(
                backend=backend,
                sampler=sampler,
                noise_model=noise_model,
                pass_manager=pass_manager,
            )
            samples = method.run(model, probes, shots, runner, rng, advance)
            ran_on = "classical" if method.classical else runner.name
    classical_rng = np.random.default_rng(seed if isinstance(seed, int) else 0)
    return RecallResult.from_samples(
        samples,
        model=model,
        method=repr(method),
        probes=expectations,
        run_on=ran_on,
        seed=seed if isinstance(seed, int) else None,
        resources=resources(model, method),
        classical=model.recall(expectations, seed=classical_rng),
    )
