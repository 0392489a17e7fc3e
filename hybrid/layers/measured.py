"""The association as circuits give it, with gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..execution import Executor, normalise, once
from ..programs.memory import MemoryProgram
from .association import prior_weights
from .keys import Keys
from .shards import Shards


def circuit_association(
    executor: Executor,
    scores: Tensor,
    held: Keys,
    prior: Tensor | None,
    shards: Shards,
) -> tuple[Tensor, Tensor]:
    """The association and the acceptance as the circuits give them, with gradients.

    Each shard of a head is a circuit of its own, and all of them run as one batch.  Shard s, whose
    patterns weigh ``W_s`` together (their number, where nothing is masked), loads pattern mu with
    weight ``w_mu / W_s``; it counts and shows mu with probability ``n_mu``.  In the whole memory
    that probability is ``(W_s / sum W) n_mu``: the acceptance of a shard, the sum of its ``n_mu``,
    is its partition function.  A shard without an accepted run weighs nothing; one whose patterns
    are all masked does not run.

    Args:
        executor: what runs the circuits.
        scores: ``a = beta x``.
        held: the keys.
        prior: logarithms of the weights; they carry no gradient.
        shards: how the memory is cut.

    Shapes:
        scores: (B, H, L, n)
        keys: (B, H, S, n)
        prior: broadcast against (B, H, L, S)
        result: (B, H, L, S) and (B, H, L)

    Raises:
        EmptyRun: a query of which no shot counted, in any shard.
        ValueError: the covariance rule was asked for where nothing was recorded.
    """
    # As simulators compute: e^-d is lost in a single-precision angle near pi/2 from d = 12 on.
    probe, z, logits, weights = (
        None if each is None else each.to("cpu", torch.float64)
        for each in (scores, held.expectations, held.logits, prior)
    )
    assert probe is not None and z is not None
    held = Keys(z if logits is None else torch.tanh(logits), logits)
    share, acceptance = _run(executor, probe, held, weights, shards)
    return share.to(scores), acceptance.to(scores)


def _run(
    executor: Executor, scores: Tensor, held: Keys, prior: Tensor | None, shards: Shards
) -> tuple[Tensor, Tensor]:
    """The same, in double precision."""
    batch = torch.broadcast_shapes(scores.shape[:2], held.expectations.shape[:2])
    scores = scores.expand(*batch, -1, -1)
    keys = held.expectations.expand(*batch, -1, -1)
    logits = None if held.logits is None else held.logits.expand(*batch, -1, -1)
    lead = scores.shape[:-1]
    by_covariance = executor.gradient == "covariance"
    weights = None
    if prior is not None:
        if prior.requires_grad:
            raise ValueError(
                "A mask that carries a gradient works on the law only: on circuits it becomes the "
                "weights of the loaded patterns. Detach it, or leave device= and backend= out."
            )
        weights = prior_weights(prior).expand(*lead, keys.shape[-2])
    load = _Load.of(weights, shards, lead)
    program = MemoryProgram(shards.size, scores.shape[-1], weighted=load.weights is not None)
    fixed = logits is None or by_covariance
    angles = load.running(
        program.angles(
            (scores.detach() if by_covariance else scores)[..., None, :],
            shards.cut(keys.detach() if fixed else keys, 2)[..., None, :, :, :],
            1.0,
            load.weights,
        ).reshape(lead.numel() * shards.number, program.num_angles)
    )
    if not by_covariance:
        found = load.weigh(executor.weights(program, angles))
        share, acceptance = normalise(found, executor, weights, circuits=shards.number)
        if logits is None and keys.requires_grad:
            slope = _softmax_slope(share, scores.detach() @ keys.transpose(-1, -2))
            share = share + _carried(slope, acceptance)
        return share, acceptance
    if logits is None:
        if executor.shots is None:
            with torch.no_grad():
                table = executor.weights(program, angles)
        else:
            table = executor.records(program, angles).weights(len(angles), program.num_outcomes)
        share, acceptance = normalise(load.weigh(table), executor, weights, circuits=shards.number)
        slope = _softmax_slope(share, scores @ keys.transpose(-1, -2))
        return share + _carried(slope, acceptance), acceptance
    if executor.shots is None:
        raise ValueError(
            "gradient='covariance' of product-state keys reads the recorded shots, and exact "
            "probabilities have none: pass shots, or gradient='parameter-shift'."
        )
    records = executor.records(program, angles)
    table = records.weights(len(angles), program.num_outcomes)
    share, acceptance = normalise(load.weigh(table), executor, weights, circuits=shards.number)
    # Mean spin of each neuron and pattern, times the pattern's share of the accepted runs.
    sums = records.spins.new_zeros(len(angles) * program.num_outcomes, program.num_neurons)
    sums.index_add_(
        0,
        records.rows * program.num_outcomes + records.outcomes,
        records.spins * records.counts[:, None],
    )
    sums = sums.view(len(angles), program.num_outcomes, program.num_neurons) / records.shots
    known = torch.where(acceptance > 0, acceptance, torch.ones_like(acceptance))
    spins = load.weigh(sums) / known[..., None, None]
    whole = share[..., None]
    # The score of what was recorded: a . s + sum_i log (1 + s_i z_i) / 2.
    plus, minus = functional.logsigmoid(2.0 * logits), functional.logsigmoid(-2.0 * logits)
    score = (spins * scores[..., None, :]).sum(-1)
    score = score + ((whole + spins) * plus[..., None, :, :]).sum(-1) / 2.0
    score = score + ((whole - spins) * minus[..., None, :, :]).sum(-1) / 2.0
    slope = score - share * score.sum(-1, keepdim=True)
    return share + _carried(slope, acceptance), acceptance


@dataclass(frozen=True)
class _Load:
    """What each shard's circuit loads, and what its runs weigh.

    Attributes:
        shards: how the memory is cut, into C shards of K patterns.
        lead: batch, heads and queries.
        weights: of the patterns in their shard, (B, H, L, C, K); None where all weigh the same.
        factors: a shard's part of all weight, (B, H, L, C); None where there is one shard.
        live: the circuits that have something to load, rows of (B * H * L * C,); None for all.
    """

    shards: Shards
    lead: torch.Size
    weights: Tensor | None
    factors: Tensor | None
    live: Tensor | None

    @classmethod
    def of(cls, given: Tensor | None, shards: Shards, lead: torch.Size) -> _Load:
        """From the weights of the patterns, (B, H, L, S), equal ones by default."""
        if shards.number == 1:
            return cls(shards, lead, None if given is None else given[..., None, :], None, None)
        if given is None:
            given = torch.ones(shards.num_patterns, dtype=torch.float64).expand(*lead, -1)
        cut = shards.cut(given, 3)
        total = cut.sum(-1)
        factors = total / total.sum(-1, keepdim=True)
        empty = total == 0
        # What does not run is loaded evenly, for its angles must be numbers.
        cut = torch.where(empty[..., None], torch.ones_like(cut), cut)
        # Circuits with dead shards left out are those without: weights cost rotations.
        alike = bool((cut == cut[..., :1]).all())
        live = torch.nonzero(~empty.flatten())[:, 0] if bool(empty.any()) else None
        return cls(shards, lead, None if alike else cut, factors, live)

    def running(self, angles: Tensor) -> Tensor:
        """The rows of the circuits that run."""
        return angles if self.live is None else angles[self.live]

    def weigh(self, found: Tensor) -> Tensor:
        """Probabilities in the whole memory, (B, H, L, S, ...), from those of each circuit.

        Shapes:
            found: (circuits that run, K, ...)
        """
        if self.live is not None:
            rows = self.lead.numel() * self.shards.number
            nothing = found.new_zeros(rows, *found.shape[1:])
            found = nothing.index_copy(0, self.live, found)
        found = found.view(*self.lead, self.shards.number, *found.shape[1:])
        if self.factors is not None:
            found = found * self.factors.reshape(
                *self.factors.shape, *(1 for _ in range(found.dim() - self.factors.dim()))
            )
        return self.shards.join(found, 3)


def _softmax_slope(share: Tensor, logits: Tensor) -> Tensor:
    """What has the softmax's gradient at the measured association: ``Cov(1[mu], logit)``."""
    fixed = share.detach()
    return fixed * (logits - (fixed * logits).sum(-1, keepdim=True))


def _carried(slope: Tensor, acceptance: Tensor) -> Tensor:
    """A zero with the gradient of ``slope``; none where no run counted."""
    known = torch.where(acceptance.detach()[..., None] > 0, slope, torch.zeros_like(slope))
    if known.requires_grad:
        known = once(known, "The covariance rule")
    return known - known.detach()
