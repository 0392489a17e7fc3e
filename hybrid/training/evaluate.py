"""Counting a trained model's answers on the law, on PennyLane, on Aer, and with noise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_choice, check_count, check_real
from ...circuits.common.randomness import Seed
from ...circuits.common.statistics import effective_trials
from ..layers import QuantumModule, run_on
from ..tasks import Examples, Task
from .result import Evaluation

PATHS = ("law", "pennylane", "aer", "noise")
"""Ways to run a trained model."""

SHOTS = 1000
"""Runs a circuit on Aer, unless told otherwise."""

_LAW_BATCH, _CIRCUIT_BATCH = 256, 8


def evaluate(
    model: nn.Module,
    task: Task,
    path: str = "law",
    *,
    examples: Examples | None = None,
    limit: int | None = None,
    shots: int | None = None,
    device: Any = "default.qubit",
    backend: Any = None,
    noise_model: Any = None,
    seed: Seed = 0,
) -> Evaluation:
    """Counts a model's right answers on one path; its weights stay the same.

    A circuit of which no shot is accepted tells nothing: its patterns are taken to be as likely as
    they were loaded, and the evaluation says how many such circuits there were.

    Args:
        model: a trained model of the task.
        task: says what is asked and what is right.
        path: ``"law"``: the exact law of the circuits; ``"pennylane"``: their probabilities on a
            PennyLane device, or its shots; ``"aer"``: shots on Aer; ``"noise"``: shots on Aer with
            a noise model. A model without quantum layers has only ``"law"``: itself.
        examples: what is asked; None draws the task's test examples with ``seed``.
        limit: the most examples that are run, from the first on; None takes all on the law, and the
            task's ``circuit_examples`` where circuits run.
        shots: runs a circuit; None takes 1,000 on Aer, and exact probabilities on PennyLane.
        device: of path ``"pennylane"``: a device or its name.
        backend: of ``"aer"`` and ``"noise"``: a Qiskit backend; None takes an ``AerSimulator``.
        noise_model: of ``"noise"``; without it and without a backend it is :func:`noisy_device`.
        seed: of the test examples, where ``examples`` is None, and of the shots.

    Returns:
        The count, with its interval, which allows for answers about one example that go right and
        wrong together.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an unknown path, an argument that the path does not take, or a path of circuits
            for a model that has none.
    """
    check_choice(path, "path", PATHS)
    if limit is not None:
        check_count(limit, "limit", minimum=1)
    if path != "noise" and noise_model is not None:
        raise ValueError(f"noise_model is for path='noise'; got it with path={path!r}.")
    if path not in ("aer", "noise") and backend is not None:
        raise ValueError(f"backend is for path='aer' and 'noise'; got it with path={path!r}.")
    if path == "law" and shots is not None:
        raise ValueError(f"shots are for paths that run circuits; got shots={shots} on the law.")
    quantum = any(isinstance(each, QuantumModule) for each in model.modules())
    if path != "law" and not quantum:
        raise ValueError(
            f"path={path!r} runs circuits, and this model has no quantum layer; path='law' counts "
            "the answers of the model itself."
        )
    if examples is None:
        examples = task.splits(seed).test
    if limit is None and path != "law":
        limit = task.circuit_examples
    if limit is not None:
        examples = examples.take(limit)
    if path in ("aer", "noise"):
        shots = SHOTS if shots is None else shots
    place: AbstractContextManager[nn.Module] = nullcontext(model)
    if quantum:
        place = _moved(model, path, shots, device, backend, noise_model, seed)
    start = time.perf_counter()
    with place, _resting(model), torch.no_grad():
        size = _LAW_BATCH if path == "law" else _CIRCUIT_BATCH
        batches = zip(examples.inputs.split(size), examples.targets.split(size), strict=True)
        counts = [each for batch in batches for each in _counts(model, task, *batch)]
        empty = _empty_runs(model)
    right, asked = np.array(counts).T
    return Evaluation(
        path=path if quantum else "classical",
        right=int(right.sum()),
        asked=int(asked.sum()),
        examples=len(examples),
        shots=shots,
        empty_runs=empty,
        seconds=time.perf_counter() - start,
        effective=None if (asked <= 1).all() else effective_trials(right, asked),
    )


def noisy_device(depolarizing: float = 1e-3, readout: float = 0.01) -> Any:
    """A noise model for Aer: depolarising gates and readout errors.

    Args:
        depolarizing: error of a two-qubit gate, in [0, 1]; a one-qubit gate has a tenth of it.
        readout: probability that a measured bit is read wrong, in [0, 1].

    Returns:
        A ``qiskit_aer.noise.NoiseModel``.

    Raises:
        TypeError: a probability that is no real number.
        ValueError: one out of range.
    """
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

    check_real(depolarizing, "depolarizing", minimum=0.0, maximum=1.0)
    check_real(readout, "readout", minimum=0.0, maximum=1.0)
    model = NoiseModel()
    if depolarizing:
        one = depolarizing_error(depolarizing / 10.0, 1)
        model.add_all_qubit_quantum_error(one, ["r", "rx", "ry", "rz", "sx", "x", "h", "u"])
        two = depolarizing_error(depolarizing, 2)
        model.add_all_qubit_quantum_error(two, ["cx", "cz", "cry", "ecr", "rzz"])
    if readout:
        wrong = [[1.0 - readout, readout], [readout, 1.0 - readout]]
        model.add_all_qubit_readout_error(ReadoutError(wrong))
    return model


def _moved(
    model: nn.Module,
    path: str,
    shots: int | None,
    device: Any,
    backend: Any,
    noise_model: Any,
    seed: Seed,
) -> AbstractContextManager[nn.Module]:
    """The model on another path."""
    if path == "law":
        return run_on(model)
    if path == "pennylane":
        # A device that is made already has a seed of its own.
        kept = seed if isinstance(device, str) else None
        return run_on(model, device=device, shots=shots, empty="prior", seed=kept)
    options: dict[str, Any] = {"shots": shots, "empty": "prior", "seed": seed}
    if path == "noise" and backend is None:
        noise_model = noisy_device() if noise_model is None else noise_model
        return run_on(model, noise_model=noise_model, **options)
    if noise_model is not None:
        raise ValueError("Give backend= (a device has noise of its own) or noise_model=, not both.")
    if backend is None:
        from qiskit_aer import AerSimulator

        backend = AerSimulator()
    return run_on(model, backend=backend, **options)


@contextmanager
def _resting(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, and back."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _counts(model: nn.Module, task: Task, inputs: Tensor, targets: Tensor) -> list[tuple[int, int]]:
    """Right answers of each example, and answers that it asks for."""
    like = next(model.parameters())
    inputs, targets = inputs.to(like.device), targets.to(like.device)
    if inputs.is_floating_point():
        inputs = inputs.to(like.dtype)
    pairs = zip(model(inputs).split(1), targets.split(1), strict=True)
    return [task.score(*pair) for pair in pairs]


def _empty_runs(model: nn.Module) -> int:
    """Circuits without an accepted shot; all layers of a moved model share one executor."""
    for each in model.modules():
        if isinstance(each, QuantumModule) and each.executor is not None:
            return each.executor.empty_runs
    return 0
