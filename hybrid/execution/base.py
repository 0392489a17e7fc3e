"""What runs a program, and what comes back."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from ..programs.base import Program
from .streams import Stream

Gradient: TypeAlias = Literal["covariance", "parameter-shift", "device"]
"""How circuits are differentiated.

``covariance``: from the forward shots, by the score of what was recorded; ``parameter-shift``: by
further circuits at shifted angles; ``device``: whatever the PennyLane device does best.
"""

Empty: TypeAlias = Literal["raise", "prior"]
"""What becomes of a circuit of which no run counted.

``raise``: an :class:`EmptyRun`; ``prior``: the outcomes as likely as they were loaded, which is all
that is known; such circuits are counted in :attr:`Executor.empty_runs`.
"""

GRADIENTS: tuple[Gradient, ...] = ("covariance", "parameter-shift", "device")


@dataclass(frozen=True)
class Records:
    """The runs that counted: distinct readings of a batch of circuits.

    Attributes:
        rows: which circuit of the batch, (R,) int64.
        outcomes: the outcome k, (R,) int64.
        spins: what else was recorded, +-1, (R, records).
        counts: how often, (R,).
        shots: runs of each circuit, those that do not count included.
    """

    rows: Tensor
    outcomes: Tensor
    spins: Tensor
    counts: Tensor
    shots: int

    def weights(self, num_rows: int, num_outcomes: int) -> Tensor:
        """Shares of the shots that count and show each outcome, (num_rows, num_outcomes)."""
        table = self.counts.new_zeros(num_rows * num_outcomes)
        table.index_add_(0, self.rows * num_outcomes + self.outcomes, self.counts)
        return table.view(num_rows, num_outcomes) / self.shots


class Executor(ABC):
    """Runs programs on a simulator or a device.

    Attributes:
        name: for tables and errors.
        shots: runs a circuit; None where probabilities are exact.
        gradient: how the layers get gradients from it.
        empty: what becomes of a circuit of which no run counted.
        empty_runs: how many such circuits there were.
    """

    name: str
    shots: int | None
    gradient: Gradient
    empty: Empty = "raise"
    empty_runs: int = 0
    _stream: Stream | None = None

    @property
    def exact(self) -> bool:
        """Whether probabilities come without sampling error."""
        return self.shots is None

    def __deepcopy__(self, memo: dict[int, Any]) -> Executor:
        """A copy that draws shots of its own, on the same devices, backends and samplers."""
        other = copy.copy(self)
        if self._stream is not None:
            other._stream = self._stream.branch()
        memo[id(self)] = other
        return other

    @abstractmethod
    def weights(self, program: Program, angles: Tensor) -> Tensor:
        """Probabilities (or shares of the shots) that a run counts and shows each outcome.

        Differentiable with respect to the angles.

        Shapes:
            angles: (B, A)
            result: (B, K), of the dtype and device of ``angles``

        Raises:
            ValueError: the circuit does not fit, or the device lacks something.
        """

    def records(self, program: Program, angles: Tensor) -> Records:
        """The runs that counted, with everything that was recorded; no gradient.

        Raises:
            ValueError: this executor keeps no single shots.
        """
        raise ValueError(
            f"{self.name} keeps no single shots, which gradient='covariance' reads; use a Qiskit "
            "backend with shots, or gradient='parameter-shift'."
        )


class EmptyRun(ValueError):
    """No shot of some circuit counted, so that there is nothing to normalise."""


def normalise(
    weights: Tensor, executor: Executor, prior: Tensor | None = None, *, circuits: int = 1
) -> tuple[Tensor, Tensor]:
    """Shares ``N_k / sum N`` and the acceptance ``sum N``.

    Args:
        weights: N.
        executor: what they came from.
        prior: what the outcomes weighed when they were loaded; equal weights by default.
        circuits: how many of them a row comes from, for the error.

    Shapes:
        weights: (..., K)
        prior: (..., K)
        result: (..., K) and (...)

    Raises:
        EmptyRun: a row without any accepted run.
    """
    acceptance = weights.sum(-1)
    nothing = acceptance <= 0
    empty = int(nothing.sum())
    if empty and executor.empty == "prior":
        executor.empty_runs += empty
        loaded = torch.ones_like(weights) if prior is None else prior.expand_as(weights)
        loaded = loaded / loaded.sum(-1, keepdim=True)
        safe = torch.where(nothing, torch.ones_like(acceptance), acceptance)[..., None]
        return torch.where(nothing[..., None], loaded, weights / safe), acceptance
    if empty:
        rows = f"{acceptance.numel()} "
        rows += "circuits" if circuits == 1 else f"queries (of {circuits} circuits each)"
        if executor.shots is None:
            raise EmptyRun(
                f"The acceptance of {empty} of {rows} is 0 to rounding: "
                "nothing is left to read. Lower scaling, or the size of the probes."
            )
        least = float(acceptance[~nothing].detach().min()) if empty < acceptance.numel() else 0.0
        raise EmptyRun(
            f"{empty} of {rows} had no accepted run among {executor.shots} "
            f"shots on {executor.name} (the least acceptance that was seen is {least:.3g}). Use "
            "more shots, a lower scaling, or smaller probes (the acceptance falls as "
            "e^(-2 scaling d)); or empty='prior', which takes such a circuit's outcomes to be as "
            "likely as they were loaded."
        )
    return weights / acceptance[..., None], acceptance


class Shifted(torch.autograd.Function):
    """Outcome weights whose gradient comes from the parameter-shift rule.

    For an angle of frequency r the derivative is a sum over 2r shifts (Wierichs et al. 2022,
    arXiv:2107.12390, equation 8); r = 1 is the two-term rule.
    """

    @staticmethod
    def forward(ctx, angles, program, evaluate):  # type: ignore[no-untyped-def]
        """Runs the circuits."""
        ctx.save_for_backward(angles)
        ctx.program, ctx.evaluate = program, evaluate
        return evaluate(program, angles)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        """Runs them at shifted angles, all in one batch; differentiable by the same rule."""
        (angles,) = ctx.saved_tensors
        shifts, factors, owners = shift_rule(ctx.program)
        shifts, factors, owners = (
            each.to(angles.device) for each in (shifts.to(angles), factors.to(angles), owners)
        )
        batch, width = angles.shape
        steps = angles.new_zeros(len(owners), 1, width)
        steps[torch.arange(len(owners)), :, owners] = shifts[:, None]
        moved = (angles[None] + steps).reshape(-1, width)
        # create_graph=True: the gradient is differentiated in its turn.
        again = torch.is_grad_enabled()
        weights = (shifted if again else _evaluated)(ctx.program, moved, ctx.evaluate)
        weights = weights.view(len(owners), batch, ctx.program.num_outcomes)
        slopes = (weights * grad).sum(-1) * factors[:, None]
        total = angles.new_zeros(width, batch).index_add(0, owners, slopes)
        return total.T, None, None


def _evaluated(
    program: Program, angles: Tensor, evaluate: Callable[[Program, Tensor], Tensor]
) -> Tensor:
    return evaluate(program, angles)


class _Once(torch.autograd.Function):
    """The same tensor, whose gradient is differentiated no further."""

    @staticmethod
    def forward(ctx, tensor, reason):  # type: ignore[no-untyped-def]
        """The tensor."""
        ctx.reason = reason
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        """The gradient, marked where somebody may want to differentiate it."""
        if torch.is_grad_enabled():
            grad = grad if grad.requires_grad else grad.detach().requires_grad_()
            grad = _Refused.apply(grad, ctx.reason)  # type: ignore[no-untyped-call]
        return grad, None


class _Refused(torch.autograd.Function):
    """The same tensor, whose gradient is an error."""

    @staticmethod
    def forward(ctx, tensor, reason):  # type: ignore[no-untyped-def]
        """The tensor."""
        ctx.reason = reason
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        """Refuses."""
        raise ValueError(
            f"{ctx.reason} gives first derivatives only; for second ones (gradient penalties, "
            "Hessians) run the layer on its law, or use gradient='parameter-shift'."
        )


def once(tensor: Tensor, reason: str) -> Tensor:
    """A tensor whose second derivatives are refused: an estimator of the first knows none.

    Args:
        tensor: the tensor.
        reason: what gives its first derivatives, for the error.
    """
    found: Tensor = _Once.apply(tensor, reason)  # type: ignore[no-untyped-call]
    return found


def shifted(
    program: Program, angles: Tensor, evaluate: Callable[[Program, Tensor], Tensor]
) -> Tensor:
    """Outcome weights by ``evaluate``, their gradient by the parameter-shift rule."""
    weights: Tensor = Shifted.apply(angles, program, evaluate)  # type: ignore[no-untyped-call]
    return weights


def shift_rule(program: Program) -> tuple[Tensor, Tensor, Tensor]:
    """Shifts, factors and the angles that they belong to, for all angles of a program."""
    shifts, factors, owners = [], [], []
    for angle, top in enumerate(program.frequencies):
        places = (2.0 * torch.arange(1, 2 * top + 1, dtype=torch.float64) - 1.0) * torch.pi / 2.0
        places = places / top
        signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(top)
        shifts.append(places)
        factors.append(signs / (4.0 * top * torch.sin(places / 2.0) ** 2))
        owners.append(torch.full((2 * top,), angle, dtype=torch.int64))
    return torch.cat(shifts), torch.cat(factors), torch.cat(owners)
