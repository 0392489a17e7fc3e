"""Which errors are mitigated, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.checks import check_choice, check_count, check_flag, check_listed, settle, shown
from ...common.identity import Identified
from .decoupling import SEQUENCES
from .extrapolation import RULES


@dataclass(frozen=True)
class Mitigation(Identified):
    """Error mitigation, piece by piece; what is left out is off.

    Mitigation removes bias and adds variance; how much, a result's runner says (``overhead``).

    Args:
        readout: whether read-out errors are undone by M3 (needs ``pip install
            qhopfield[devices]``).  All measured bits are corrected together before any run is
            rejected, so that the acceptance is corrected with the answers.  Qubits are calibrated
            once, with ``calibration_shots``.
        zero_noise: odd factors by which the noise of the two-qubit gates is raised, such as
            ``(1, 3, 5)``, to extrapolate to none; None for no extrapolation.  Each factor takes
            all the shots of a run.
        extrapolation: ``"linear"`` (least squares), ``"richardson"`` (the polynomial through all
            points: less bias, more variance) or ``"exponential"`` (a decay towards equal
            probabilities at one rate for all outcomes).
        decoupling: pulses in the waiting times of a schedule: ``"XX"``, ``"XY4"``, or ``"idle"``
            for the schedule without pulses, which is what pulses are to be compared with.
        codewords: whether runs that recall no stored pattern are rejected.  A superposition
            memory can only return stored patterns, so that anything else shows an error. It has a
            floor: pure noise gives each of M stored patterns 1/M, see ``RecallResult.chance``.
        calibration_shots: shots by which each state of a qubit is calibrated, >= 1.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, or a way of extrapolation without factors.

    Source: Nation et al. 2021, arXiv:2108.12518 (M3); Temme, Bravyi and Gambetta 2017,
    arXiv:1612.02058, and Giurgica-Tiron et al. 2020, arXiv:2005.10921 (zero-noise extrapolation
    and folding); Viola, Knill and Lloyd 1999, arXiv:quant-ph/9809071 (decoupling).
    """

    readout: bool = False
    zero_noise: Sequence[int] | None = None
    extrapolation: str = "linear"
    decoupling: str | None = None
    codewords: bool = False
    calibration_shots: int = 10_000

    def __post_init__(self) -> None:
        settle(
            self,
            readout=check_flag(self.readout, "readout"),
            codewords=check_flag(self.codewords, "codewords"),
            calibration_shots=check_count(self.calibration_shots, "calibration_shots", minimum=1),
        )
        check_choice(self.extrapolation, "extrapolation", RULES)
        if self.decoupling is not None:
            check_choice(self.decoupling, "decoupling", SEQUENCES)
        if self.zero_noise is not None:
            # A frozen dataclass is compared and printed: a list becomes a tuple.
            object.__setattr__(self, "zero_noise", _factors(self.zero_noise))
        elif self.extrapolation != "linear":
            raise ValueError(
                f"extrapolation={self.extrapolation!r} needs the factors of the noise: give "
                "zero_noise=(1, 3, 5)."
            )

    @property
    def runs(self) -> bool:
        """Whether circuits run differently; ``codewords`` only changes how they are read."""
        return self.readout or self.zero_noise is not None or self.decoupling is not None


def _factors(given: Any) -> tuple[int, ...]:
    """The factors of the noise, checked."""
    if isinstance(given, (str, bytes)) or not isinstance(given, (Sequence, np.ndarray)):
        raise TypeError(f"zero_noise must be odd factors such as (1, 3, 5), got {shown(given)}.")
    listed = check_listed(given, "zero_noise", "odd factors such as (1, 3, 5)")
    factors = tuple(check_count(each, "a factor of zero_noise", minimum=1) for each in listed)
    if len(factors) < 2 or any(each % 2 == 0 for each in factors):
        raise ValueError(
            "zero_noise must hold at least two odd factors, such as (1, 3, 5): a gate is followed "
            f"by its inverse and itself again; got {factors}."
        )
    if list(factors) != sorted(set(factors)):
        raise ValueError(f"zero_noise must rise, no factor twice; got {factors}.")
    return factors
