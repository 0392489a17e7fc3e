"""Numbers that a module was given when it was made, for when its memory is made anew."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class FirstValues(nn.Module):
    """A module whose ``reset_parameters`` puts back the numbers that it was given.

    PyTorch makes a module's memory anew by ``to_empty``, which leaves it full of garbage, and calls
    ``reset_parameters`` (as FSDP does) or loads a checkpoint.  What can be computed is computed
    where it is used; what was given is remembered here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._first_values: dict[str, Tensor | None] = {}

    def _remember(self, name: str, values: Tensor) -> None:
        """Remembers the first values of a parameter or buffer; None where there are none to see."""
        if not values.is_leaf:  # computed from something else, which this is not to overwrite
            return
        self._first_values[name] = None if values.is_meta else values.detach().to("cpu", copy=True)

    def _hold(self, name: str, rows: NDArray[np.float64] | None, like: Tensor) -> None:
        """Registers given rows as a buffer, or None; remembered where they are not held yet.

        Args:
            name: of the buffer.
            rows: the numbers.
            like: a tensor of the wanted dtype and device.
        """
        if rows is None:
            self.register_buffer(name, None)
            return
        here = torch.as_tensor(rows, dtype=like.dtype, device="cpu")
        self.register_buffer(name, here.to(like.device))
        if like.is_meta:
            self._first_values[name] = here

    def _put_back(self) -> None:
        """Puts them back into what has a memory.

        Raises:
            ValueError: they were on the meta device already, so that nobody knows them.
        """
        for name, values in self._first_values.items():
            kept: Tensor = getattr(self, name)
            if kept.is_meta:
                continue
            if values is None:
                raise ValueError(
                    f"{name}= was a tensor on the meta device, which has no numbers, so "
                    "reset_parameters() cannot put it back; load a checkpoint, or give numbers."
                )
            with torch.no_grad():
                kept.copy_(values)
