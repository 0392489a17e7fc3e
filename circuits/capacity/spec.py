"""How to make a memory from patterns, as data: it prints, compares and travels to workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import check_choice, check_real, shown
from ..common.cost import TooCostlyError
from ..common.identity import Identified
from ..models import (
    DenseAssociativeMemory,
    Hopfield,
    Model,
    ModernHopfield,
    Polynomial,
    SeparationFunction,
)
from ..models.rules import RULES
from ..patterns import check_patterns

MakeModel: TypeAlias = Callable[[NDArray[np.int8]], Model | None]
"""From patterns (M, N) to the memory that stores them; None where they leave nothing to store."""

_TAKEN_BY = {"rule": "hopfield", "separation": "dense", "beta": "modern"}


@dataclass(frozen=True)
class ModelSpec(Identified):
    """A model without its patterns.

    Args:
        kind: ``"hopfield"``, ``"dense"`` (:class:`DenseAssociativeMemory`) or ``"modern"``
            (:class:`ModernHopfield`).
        rule: learning rule of a Hopfield network; None takes ``"hebb"``.
        separation: separation function of a dense memory; None takes ``Polynomial(3)``.
        beta: inverse temperature of a modern one; None takes 1.

    Raises:
        TypeError: ``separation`` or ``beta`` has a wrong type.
        ValueError: an unknown kind or rule, or an argument that the kind does not take.

    >>> ModelSpec("hopfield", rule="storkey").build([[1, 1, -1], [1, -1, 1]])
    Hopfield(num_neurons=3, patterns=2, rule='storkey')
    """

    kind: str = "hopfield"
    rule: str | None = None
    separation: SeparationFunction | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", ("hopfield", "dense", "modern"))
        for name, kind in _TAKEN_BY.items():
            if getattr(self, name) is not None and self.kind != kind:
                raise ValueError(
                    f"{name} belongs to kind={kind!r}; leave it out for kind={self.kind!r}."
                )
        defaults: dict[str, Any] = {}
        if self.kind == "hopfield":
            defaults["rule"] = check_choice(
                "hebb" if self.rule is None else self.rule, "rule", RULES
            )
        elif self.kind == "dense":
            defaults["separation"] = Polynomial(3) if self.separation is None else self.separation
            if not isinstance(defaults["separation"], SeparationFunction):
                raise TypeError(
                    "separation must be a separation function such as Polynomial(3), got "
                    f"{shown(self.separation)}."
                )
        else:
            beta = 1.0 if self.beta is None else self.beta
            defaults["beta"] = check_real(beta, "beta", minimum=1e-300)
        for name, value in defaults.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        name = next(name for name, kind in _TAKEN_BY.items() if kind == self.kind)
        return f"ModelSpec({self.kind!r}, {name}={getattr(self, name)!r})"

    def build(self, patterns: ArrayLike) -> Model:
        """Makes the memory that stores the patterns.

        Shapes:
            patterns: (M, N) or (N,)

        Raises:
            TypeError: the patterns are no real numbers.
            ValueError: malformed patterns, or patterns from which the rule makes no memory.
        """
        if self.kind == "hopfield":
            return Hopfield.store(patterns, rule=str(self.rule))
        if self.kind == "dense":
            return DenseAssociativeMemory(patterns, separation=self.separation)
        return ModernHopfield(patterns, beta=1.0 if self.beta is None else self.beta)

    def __call__(self, patterns: NDArray[np.int8]) -> Model | None:
        """Like :meth:`build`, but None where a learning rule is left with no weights at all.

        That happens to sound patterns: Hebb's rule on all states at once, or the projection rule
        on patterns that span all dimensions.
        """
        checked = check_patterns(patterns)
        if self.kind != "hopfield":
            return self.build(checked)
        try:
            return self.build(checked)
        except TooCostlyError:
            raise
        except ValueError:
            return None  # patterns and rule are checked: nothing else is left to go wrong
