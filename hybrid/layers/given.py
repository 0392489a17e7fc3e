"""Patterns that a layer stores as they are given, with nothing to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...circuits.common.checks import check_choice, check_count
from ...circuits.patterns.checks import as_rows, check_patterns
from .checks import as_numpy
from .keys import KeyKind


@dataclass(frozen=True)
class Given:
    """What :meth:`.hopfield.QuantumHopfield.store` keeps.

    Attributes:
        patterns: (M, N).
        values: what goes with each, (M, V); None for the patterns themselves.
    """

    patterns: NDArray[np.float64]
    values: NDArray[np.float64] | None

    @classmethod
    def check(cls, patterns: Any, values: Any, keys: KeyKind, num_heads: int) -> Given:
        """Refuses what cannot be stored.

        Raises:
            TypeError: entries that are not real numbers.
            ValueError: patterns that are malformed, or not +-1 where bits are stored; heads that do
                not divide the neurons; a wrong number of values.
        """
        check_choice(keys, "keys", ("binary", "product"))
        rows = real_rows(patterns, "patterns")
        if keys == "binary":
            check_patterns(rows)
        elif (abs(rows) > 1.0).any():
            raise ValueError("patterns must lie in [-1, 1] (expectations of the spins).")
        read = None if values is None else real_rows(values, "values")
        if read is not None and len(read) != len(rows):
            raise ValueError(f"values must have one row a pattern, {len(rows)}; got {len(read)}.")
        if rows.shape[1] % check_count(num_heads, "num_heads", minimum=1):
            raise ValueError(
                f"num_heads={num_heads} must divide the {rows.shape[1]} neurons of a pattern."
            )
        return cls(rows, read)

    @property
    def size(self) -> int:
        """Neurons of a pattern, N."""
        return int(self.patterns.shape[1])

    def arguments(self, num_heads: int) -> dict[str, Any]:
        """Arguments of a layer that projects nothing."""
        width = self.size if self.values is None else self.values.shape[1]
        return {
            "projection_size": width,
            "pattern_size": width if width % num_heads else None,
            "state_as_static": True,
            "stored_as_static": True,
            "projection_as_static": True,
            "disable_out_projection": True,
        }


def real_rows(rows: Any, name: str) -> NDArray[np.float64]:
    """Real numbers as (rows, columns), float64."""
    if isinstance(rows, Tensor):
        rows = as_numpy(rows, name)
    return as_rows(rows, name).astype("float64")
