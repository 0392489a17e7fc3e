"""Two memories that are the same function, trained side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from ...circuits.common.checks import check_count
from ..tasks import Task


def compare_curves(
    task: Task,
    first: str = "quantum",
    second: str = "hopfield-binary",
    *,
    steps: int = 100,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> pd.DataFrame:
    """Trains two memories from the same weights on the same batches, and compares step by step.

    Their losses differ by rounding where the two are the same function with the same gradient: with
    +-1 keys a quantum memory is a classical modern Hopfield network.

    Args:
        task: what is learnt, with its optimiser's settings.
        first: a memory's name.
        second: another's; its model must have the parameters of the first.
        steps: steps to compare.
        seed: of examples, weights, order and dropout.
        dtype: of the weights.

    Returns:
        A row a step: step, the two losses (by the memories' names), and gap, their difference
        over the greater of 1 and the first.

    Raises:
        TypeError: ``steps`` is no integer.
        ValueError: ``steps`` < 1, an unknown memory, two of the same name, or two models whose
            parameters differ in name or shape.
    """
    check_count(steps, "steps", minimum=1)
    if first == second:
        raise ValueError(f"first and second must be two memories, got {first!r} twice.")
    examples = task.splits(seed).train
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        models = [task.build_model(name).to(dtype) for name in (first, second)]
        shapes = [{key: each.shape for key, each in model.state_dict().items()} for model in models]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{first!r} and {second!r} have parameters of other names or shapes, so they "
                "cannot start alike."
            )
        models[1].load_state_dict(models[0].state_dict())
        order = np.random.default_rng([seed, 1])
        batches: list[torch.Tensor] = []
        while len(batches) < steps:
            shuffled = torch.from_numpy(order.permutation(len(examples)))
            batches += shuffled.split(task.batch_size)
        losses = []
        for model in models:
            torch.manual_seed(seed + 1)
            losses.append(_losses(model, task, examples.inputs, examples.targets, batches[:steps]))
    gaps = [abs(a - b) / max(1.0, abs(a)) for a, b in zip(*losses, strict=True)]
    return pd.DataFrame(
        {"step": range(1, steps + 1), first: losses[0], second: losses[1], "gap": gaps}
    )


def _losses(
    model: nn.Module,
    task: Task,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    batches: list[torch.Tensor],
) -> list[float]:
    """The loss of each step of a plain training loop."""
    if inputs.is_floating_point():
        inputs = inputs.to(next(model.parameters()).dtype)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=task.learning_rate, weight_decay=task.weight_decay
    )
    losses = []
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = task.learning_rate * task.learning_rate_at(step, len(batches))
        loss = task.loss(model(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        if task.gradient_clip:
            nn.utils.clip_grad_norm_(model.parameters(), task.gradient_clip)
        optimizer.step()
        losses.append(loss.item())
    return losses
