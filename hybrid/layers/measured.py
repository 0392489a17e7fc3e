"""The association as circuits give it, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..execution import Executor, normalise
from ..programs.memory import MemoryProgram
from .association import prior_weights
from .keys import Keys


def circuit_association(
    executor: Executor,
    program: MemoryProgram,
    scores: Tensor,
    held: Keys,
    prior: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The association and the acceptance as the circuits give them, with gradients.

    Args:
        executor: what runs the circuits.
        program: the circuit of one head.
        scores: ``a = beta x``.
        held: the keys.
        prior: logarithms of the weights; they carry no gradient.

    Shapes:
        scores: (B, H, L, n)
        keys: (B, H, S, n)
        prior: broadcast against (B, H, L, S)
        result: (B, H, L, S) and (B, H, L)

    Raises:
        EmptyRun: a query of which no shot counted.
        ValueError: the covariance rule was asked for where nothing was recorded.
    """
    # As simulators compute: e^-d is lost in a single-precision angle near pi/2 from d = 12 on.
    probe, z, logits, weights = (
        None if each is None else each.to("cpu", torch.float64)
        for each in (scores, held.expectations, held.logits, prior)
    )
    assert probe is not None and z is not None
    held = Keys(z if logits is None else torch.tanh(logits), logits)
    share, acceptance = _run(executor, program, probe, held, weights)
    return share.to(scores), acceptance.to(scores)


def _run(
    executor: Executor, program: MemoryProgram, scores: Tensor, held: Keys, prior: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The same, in double precision."""
    batch = torch.broadcast_shapes(scores.shape[:2], held.expectations.shape[:2])
    scores = scores.expand(*batch, -1, -1)
    keys = held.expectations.expand(*batch, -1, -1)
    logits = None if held.logits is None else held.logits.expand(*batch, -1, -1)
    lead = scores.shape[:-1]
    rows = lead.numel()
    by_covariance = executor.gradient == "covariance"
    weights = None
    if prior is not None:
        if prior.requires_grad:
            raise ValueError(
                "A mask that carries a gradient works on the law only: on circuits it becomes the "
                "weights of the loaded patterns. Detach it, or leave device= and backend= out."
            )
        weights = prior_weights(prior).expand(*lead, keys.shape[-2])
    fixed = logits is None or by_covariance
    angles = program.angles(
        scores.detach() if by_covariance else scores,
        (keys.detach() if fixed else keys)[..., None, :, :],
        1.0,
        weights,
    ).reshape(rows, program.num_angles)
    shape = (*lead, program.num_outcomes)
    if not by_covariance:
        share, acceptance = normalise(
            executor.weights(program, angles).view(shape), executor, weights
        )
        if logits is None and keys.requires_grad:
            slope = _softmax_slope(share, scores.detach() @ keys.transpose(-1, -2))
            share = share + _carried(slope, acceptance)
        return share, acceptance
    if logits is None:
        if executor.shots is None:
            with torch.no_grad():
                found = executor.weights(program, angles)
        else:
            found = executor.records(program, angles).weights(rows, program.num_outcomes)
        share, acceptance = normalise(found.view(shape), executor, weights)
        slope = _softmax_slope(share, scores @ keys.transpose(-1, -2))
        return share + _carried(slope, acceptance), acceptance
    if executor.shots is None:
        raise ValueError(
            "gradient='covariance' of product-state keys reads the recorded shots, and exact "
            "probabilities have none: pass shots, or gradient='parameter-shift'."
        )
    records = executor.records(program, angles)
    table = records.weights(rows, program.num_outcomes)
    share, acceptance = normalise(table.view(shape), executor, weights)
    # Mean spin of each neuron and pattern, times the pattern's share of the accepted runs.
    sums = records.spins.new_zeros(rows * program.num_outcomes, program.num_neurons)
    sums.index_add_(
        0,
        records.rows * program.num_outcomes + records.outcomes,
        records.spins * records.counts[:, None],
    )
    counted = (records.shots * acceptance).clamp(min=1.0)
    spins = sums.view(*shape, program.num_neurons) / counted[..., None, None]
    whole = share[..., None]
    # The score of what was recorded: a . s + sum_i log (1 + s_i z_i) / 2.
    plus, minus = functional.logsigmoid(2.0 * logits), functional.logsigmoid(-2.0 * logits)
    score = (spins * scores[..., None, :]).sum(-1)
    score = score + ((whole + spins) * plus[..., None, :, :]).sum(-1) / 2.0
    score = score + ((whole - spins) * minus[..., None, :, :]).sum(-1) / 2.0
    slope = score - share * score.sum(-1, keepdim=True)
    return share + _carried(slope, acceptance), acceptance


def _softmax_slope(share: Tensor, logits: Tensor) -> Tensor:
    """What has the softmax's gradient at the measured association: ``Cov(1[mu], logit)``."""
    fixed = share.detach()
    return fixed * (logits - (fixed * logits).sum(-1, keepdim=True))


def _carried(slope: Tensor, acceptance: Tensor) -> Tensor:
    """A zero with the gradient of ``slope``; none where no run counted."""
    known = torch.where(acceptance.detach()[..., None] > 0, slope, torch.zeros_like(slope))
    return known - known.detach()
