"""Neurons of a network run as circuits: one small circuit a neuron, all of them in one batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..execution import EmptyRun, Executor, once
from ..programs.neuron import NeuronProgram


def run_neurons(
    executor: Executor,
    program: NeuronProgram,
    state: Tensor,
    neurons: Sequence[int],
    weights: Tensor,
    bias: Tensor,
    gain: Tensor | float,
) -> tuple[Tensor, Tensor]:
    """New expectations of some neurons and their acceptances as circuits give them.

    Gradients come as the executor's ``gradient`` says.  The covariance rule knows the circuit's law
    without noise, which biases it; parameter shifts know none.

    Args:
        executor: what runs the circuits.
        program: the circuit of one neuron, which reads all the others.
        state: z.
        neurons: which neurons are updated.
        weights: W.
        bias: b.
        gain: angle in radians per unit of field.

    Shapes:
        state: (..., N)
        weights: (N, N)
        bias: (N,)
        result: (..., A) and (..., A), A neurons

    Raises:
        EmptyRun: a circuit of which no run counted.
        ValueError: the covariance rule was asked for where nothing was recorded.
    """
    size, dtype = state.shape[-1], state.dtype
    # Simulators are double precision; so are the angles.
    z = state.reshape(-1, size).double()
    which = torch.tensor(list(neurons), device=z.device)
    others = torch.tensor([[j for j in range(size) if j != i] for i in neurons], device=z.device)
    means = z[:, others]  # (rows, A, N - 1)
    synapses = weights.double()[which[:, None], others]
    offsets = bias.double()[which]
    gain = gain.double() if isinstance(gain, Tensor) else gain
    shape = (*state.shape[:-1], len(which))
    if not len(z):  # nothing runs; the graph goes on
        nothing = (means.sum(-1) * (synapses.sum(-1) + offsets)).view(shape).to(dtype)
        return nothing, nothing
    rule = _scored if executor.gradient == "covariance" else _differentiated
    table = rule(executor, program, means, synapses, offsets, gain)
    table = _with_sure_inputs(table, executor, program, means, synapses, offsets, gain)
    up, down = table.unbind(-1)
    acceptance = up + down
    _refuse_empty(acceptance.detach(), executor)
    expectation = (up - down) / acceptance
    return expectation.view(shape).to(dtype), acceptance.view(shape).to(dtype)


def _differentiated(
    executor: Executor,
    program: NeuronProgram,
    means: Tensor,
    synapses: Tensor,
    offsets: Tensor,
    gain: Tensor | float,
) -> Tensor:
    """Outcome weights that the executor differentiates.

    Shapes:
        means: (rows, A, n)
        synapses: (A, n)
        offsets: (A,)
        result: (rows A, 2)
    """
    angles = program.angles(means, synapses, offsets, gain)
    return executor.weights(program, angles.flatten(0, 1))


def _scored(
    executor: Executor,
    program: NeuronProgram,
    means: Tensor,
    synapses: Tensor,
    offsets: Tensor,
    gain: Tensor | float,
) -> Tensor:
    """Outcome weights whose gradient is the mean score of the shots that they count.

    The score is the gradient of the logarithm of the probability of what was recorded: the inputs,
    the output, and that the run counts.  In the mean spin it becomes ``Cov(spin, score)``.
    Arguments as in :func:`_differentiated`.
    """
    if executor.shots is None:
        raise ValueError(
            "gradient='covariance' of neurons reads the recorded shots, and exact probabilities "
            "have none: pass shots, or gradient='parameter-shift'."
        )
    with torch.no_grad():
        angles = program.angles(means, synapses, offsets, gain).flatten(0, 1)
    records = executor.records(program, angles)
    owners = records.rows % len(offsets)
    fields = (synapses[owners] * records.spins).sum(-1) + offsets[owners]
    read = torch.where(_sure(means), means.detach(), means).flatten(0, 1)[records.rows]
    score = program.log_probability(records.outcomes, records.spins, read, 2.0 * gain * fields)
    if score.requires_grad:
        score = once(score, "The covariance rule")
    score = records.counts / records.shots * (score - score.detach())
    table = records.weights(len(angles), program.num_outcomes)
    places = records.rows * program.num_outcomes + records.outcomes
    return table.flatten().index_add(0, places, score).view_as(table)


def _with_sure_inputs(
    table: Tensor,
    executor: Executor,
    program: NeuronProgram,
    means: Tensor,
    synapses: Tensor,
    offsets: Tensor,
    gain: Tensor | float,
) -> Tensor:
    """Adds the slopes by inputs that are exactly +-1, which neither angles nor scores have.

    The weights are linear in an expectation, so that the slope is half of what changes where the
    input is turned over: one more circuit for each such input.  Arguments as above.
    """
    sure = _sure(means).flatten(0, 1)
    if not means.requires_grad or not torch.is_grad_enabled() or not bool(sure.any()):
        return table
    circuits, inputs = torch.nonzero(sure, as_tuple=True)
    with torch.no_grad():
        angles = program.angles(means, synapses, offsets, gain).flatten(0, 1)[circuits]
        turned = math.pi - angles.gather(1, inputs[:, None])
        other = executor.weights(program, angles.scatter(1, inputs[:, None], turned))
    given = means.flatten(0, 1)[circuits, inputs]
    slopes = (table.detach()[circuits] - other) / (2.0 * given.detach().sign())[:, None]
    return table.index_add(0, circuits, slopes * (given - given.detach())[:, None])


def _sure(means: Tensor) -> Tensor:
    return means.detach().abs() >= 1.0


def _refuse_empty(acceptance: Tensor, executor: Executor) -> None:
    """Refuses circuits of which no run counted.

    Raises:
        EmptyRun: there is one.
    """
    empty = int((acceptance <= 0.0).sum())
    if not empty:
        return
    raise EmptyRun(
        f"{empty} of {acceptance.numel()} neurons had no accepted run among {executor.shots} shots "
        f"on {executor.name}. Use more shots or a lower level: a neuron without a field counts "
        "with probability 2^(1 - 2^level) only."
    )
