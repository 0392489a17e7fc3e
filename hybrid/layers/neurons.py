"""Neurons of a network run as circuits: one small circuit a neuron, all of them in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..execution import EmptyRun, Executor
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

    Gradients come as the executor's ``gradient`` says; by the covariance rule they are those of the
    logarithm of what was recorded, averaged over the forward shots, which noise biases.

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
    synapses = weights.double().gather(1, torch.arange(size, device=z.device)[None].expand(size, -1))
    synapses = synapses[which[:, None], others]
    offsets = bias.double()[which]
    gain = gain.double() if isinstance(gain, Tensor) else gain
    shape = (*state.shape[:-1], len(which))
    covariance = executor.gradient == "covariance"
    if covariance and executor.shots is None:
        raise ValueError(
            "gradient='covariance' of neurons reads the recorded shots, and exact probabilities "
            "have none: pass shots, or gradient='parameter-shift'."
        )
    if covariance:
        found = _by_covariance(executor, program, means, synapses, offsets, gain)
    else:
        angles = program.angles(means, synapses, offsets, gain, exact=executor.exact)
        found = executor.weights(program, angles.flatten(0, 1))
        acceptance = found.sum(-1)
        _refuse_empty(acceptance, executor)
        found = (found[:, 0] - found[:, 1]) / acceptance, acceptance
    expectation, acceptance = (part.view(shape).to(dtype) for part in found)
    return expectation, acceptance
