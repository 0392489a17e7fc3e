"""Recall results in files: an ``.npz`` that is read back, and JSON for other programs."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from .common.archive import read_archive, write_archive, write_json
from .methods import Trace
from .methods.base import Parts
from .resources import Resources

FILE_KIND = "qhopfield.RecallResult"
"""What a saved result calls itself."""

FILE_VERSION = 1
"""Version of the layout of a saved result; goes up when an older reader could not read it."""

# Arrays that a saved result always has, those it may have, and those that JSON gets.
_SAVED = ("probes", "patterns", "accepted", "attempts", "folded", "energies", "converged")
_OPTIONAL = ("classical_states", "classical_energies", "effective", "trials", "targets")
_WRITTEN = (
    *_SAVED,
    "states",
    "probabilities",
    "probability_intervals",
    "expectations",
    "standard_errors",
    "overlaps",
    "acceptance",
    "acceptance_intervals",
    "counts",
    "nearest_patterns",
    "target_patterns",
    "target_overlaps",
    "target_probabilities",
    "target_probability_intervals",
    "correct",
    "accuracy",
    "accuracy_interval",
    "classical_accuracy",
    "chance",
    *_OPTIONAL,
)
_HEADER = ("method", "model", "run_on", "seed", "shots")


def write_result(path: str | os.PathLike[str], result: Any) -> None:
    """Writes a result for :func:`read_result`; see ``RecallResult.save``."""
    arrays = {name: getattr(result, name) for name in (*_SAVED, *_OPTIONAL)}
    arrays["outcomes"] = np.concatenate(result.outcomes)
    arrays["weights"] = np.concatenate(result.weights)
    arrays["lengths"] = np.array([len(weights) for weights in result.weights])
    if result.chance is not None:  # not in the header, whose entries older readers must know
        arrays["chance"] = np.array(result.chance)
    if result.trace is not None:
        arrays["trace_overlaps"] = result.trace.overlaps
        arrays["trace_energies"] = result.trace.energies
    if result.parts is not None:
        arrays |= {f"parts_{name}": array for name, array in vars(result.parts).items()}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    write_archive(path, FILE_KIND, FILE_VERSION, _header(result), arrays)


def write_result_json(path: str | os.PathLike[str], result: Any) -> None:
    """Writes all that is known of a result as JSON; see ``RecallResult.to_json``."""
    content: dict[str, Any] = {"kind": FILE_KIND, "version": FILE_VERSION, **_header(result)}
    content |= {name: getattr(result, name) for name in _WRITTEN}
    content["trace"] = None if result.trace is None else asdict(result.trace)
    content["parts"] = None if result.parts is None else asdict(result.parts)
    write_json(path, content)


def read_result(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a result that :func:`write_result` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no saved result, is damaged, or is one of a newer format.
    """
    header, arrays = read_archive(path, FILE_KIND, FILE_VERSION, _names())
    try:
        ends = np.cumsum(arrays["lengths"])[:-1]
        costs = header.pop("resources")
        found: dict[str, Any] = header
        found["trace"] = found["parts"] = None
        if "trace_overlaps" in arrays:
            found["trace"] = Trace(arrays["trace_overlaps"], arrays["trace_energies"])
        if "parts_status" in arrays:
            names = [each.name for each in fields(Parts)]
            found["parts"] = Parts(**{name: arrays[f"parts_{name}"] for name in names})
        found |= {name: arrays[name] for name in _SAVED}
        found |= {name: arrays.get(name) for name in _OPTIONAL}
        found["chance"] = float(arrays["chance"]) if "chance" in arrays else None
        found["outcomes"] = tuple(np.split(arrays["outcomes"], ends))
        found["weights"] = tuple(np.split(arrays["weights"], ends))
        found["resources"] = None if costs is None else Resources(**costs)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    return found


def _names() -> list[str]:
    """The arrays that a saved result may have."""
    parts = [f"parts_{each.name}" for each in fields(Parts)]
    more = ("outcomes", "weights", "lengths", "chance", "trace_overlaps", "trace_energies")
    return [*_SAVED, *_OPTIONAL, *more, *parts]


def damaged(path: str | os.PathLike[str], error: Exception) -> ValueError:
    """The error for a file whose content does not fit together."""
    return ValueError(f"{os.fspath(path)} is a damaged {FILE_KIND}: {error}")


def _header(result: Any) -> dict[str, Any]:
    costs = None if result.resources is None else asdict(result.resources)
    return {**{name: getattr(result, name) for name in _HEADER}, "resources": costs}
