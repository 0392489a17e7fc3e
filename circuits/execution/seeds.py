"""Seeds of simulators and samplers: which they carry, and how they are given one."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from ..common.randomness import Seed, as_generator, draw_seed


def settle_seed(seed: Seed, *, backend: Any = None, sampler: Any = None) -> tuple[Seed, bool]:
    """The seed of a recall, where a backend or a sampler may carry one of its own.

    A seed that is given here counts.  Without one, the seed that the backend or sampler carries is
    the seed of the whole recall: ``recall(..., backend=AerSimulator(seed_simulator=5))`` is
    ``recall(..., seed=5)``.  Each run of a circuit gets a seed of its own that is drawn from it, so
    that no two runs of one recall share their random numbers.

    Args:
        seed: as the user gave it.
        backend: as the user gave it.
        sampler: likewise.

    Returns:
        The seed, and whether it decides what is measured.

    Raises:
        TypeError: ``seed`` is neither an integer, a generator nor None.
        ValueError: ``seed`` is negative.

    Warns:
        UserWarning: a seed is given, and what runs the circuits takes none.
    """
    as_generator(seed)
    given = sampler if sampler is not None else backend
    if not isinstance(given, (BackendV2, BaseSamplerV2)):
        return seed, True  # Aer, or what make_runner refuses
    takes = takes_seed(given)
    if seed is None:
        return own_seed(given), takes
    if not takes:
        what = type(given).__name__
        warnings.warn(
            f"{what} takes no seed: its shots are random whatever seed= is, and another run gives "
            "others. seed= decides only what is drawn here, such as random orders. For shots that "
            "repeat use AerSimulator(), or a sampler with a seed: StatevectorSampler(), "
            "BackendSamplerV2(backend=AerSimulator()), qiskit_aer.primitives.SamplerV2().",
            UserWarning,
            stacklevel=3,
        )
    return seed, takes


def own_seed(given: Any) -> Seed:
    """The seed that a backend or sampler was made with, or None."""
    if given is None:
        return None
    if isinstance(given, BackendV2):
        return _seed_or_none(getattr(given.options, "seed_simulator", None))
    options = getattr(given, "options", None)
    run_options = getattr(options, "run_options", None) or {}
    for found in (
        getattr(given, "seed", None),
        getattr(options, "seed_simulator", None),
        getattr(getattr(options, "simulator", None), "seed_simulator", None),
        run_options.get("seed_simulator") if isinstance(run_options, dict) else None,
        own_seed(backend_of(given)),
    ):
        seed = _seed_or_none(found)
        if seed is not None:
            return seed
    return None


def takes_seed(given: Any) -> bool:
    """Whether the shots of a backend or sampler can be seeded; None is Aer, which can."""
    if given is None:
        return True
    if isinstance(given, BackendV2):
        # Devices have no such option, or have it for the simulators of their provider's service.
        return "seed_simulator" in given.options and getattr(given, "service", None) is None
    return seeded(given, np.random.default_rng(0)) is not None


def backend_of(sampler: Any) -> BackendV2 | None:
    """What a sampler runs on, where it shows it.

    Qiskit's sampler shows its backend, Aer's keeps it private.
    """
    for name in ("backend", "_backend"):
        found = getattr(sampler, name, None)
        if isinstance(found, BackendV2):
            return found
    return None


def seeded(sampler: Any, rng: np.random.Generator) -> Any | None:
    """A copy of a sampler that draws from a new seed; None for one that takes none.

    Args:
        sampler: any SamplerV2; it stays as it is.
        rng: gives the seed.
    """
    number = draw_seed(rng)
    options: Any = getattr(sampler, "options", None)
    if hasattr(type(sampler), "seed"):
        # A sampler whose seed is a plain number begins anew with every row of a run: rows with
        # equal angles would be copies of each other.  One that takes a generator goes on.
        takes = isinstance(sampler.seed, np.random.Generator) or backend_of(sampler) is None
        new: Any = np.random.default_rng(number) if takes else number
        other = _with(sampler, "_seed", new)
        return other if other is not None and other.seed is new else None
    behind = backend_of(sampler)
    if hasattr(options, "seed_simulator"):
        if behind is not None and not takes_seed(behind):
            return None
        changed = copy.copy(options)
        changed.seed_simulator = number
        return _optioned(sampler, changed)
    if hasattr(getattr(options, "simulator", None), "seed_simulator"):
        # IBM's sampler seeds simulators and no devices; 0 stands for none.
        if behind is None or not takes_seed(behind):
            return None
        changed = copy.deepcopy(options)
        changed.simulator.seed_simulator = max(1, number)
        return _optioned(sampler, changed)
    return None


def _optioned(sampler: Any, options: Any) -> Any | None:
    """A shallow copy with other options; None where they are kept in some other way."""
    for name in ("_options", "options"):
        other = _with(sampler, name, options)
        if other is not None:
            return other if other.options is options else None
    return None


def _with(sampler: Any, name: str, value: Any) -> Any | None:
    """A shallow copy with one attribute changed; None where it has no such attribute."""
    if name not in getattr(sampler, "__dict__", {}):
        return None
    other = copy.copy(sampler)
    setattr(other, name, value)
    return other


def _seed_or_none(found: Any) -> Seed:
    """What was found, if it is a seed."""
    if isinstance(found, np.random.Generator):
        return found
    whole = isinstance(found, (int, np.integer)) and not isinstance(found, bool)
    return int(found) if whole and found >= 0 else None
