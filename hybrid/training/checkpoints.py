"""Checkpoints that are written whole and loaded without unpickling anything but tensors."""

from __future__ import annotations

import os
import pickle
import warnings
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from ...circuits.common.files import whole_file


class SafeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here.

    A kill while one is written leaves the one before. A file that holds anything but tensors and
    plain data is refused before any of its code could run.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint; the file is whole or not there."""
        with whole_file(path) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        """Reads a file of tensors and plain data, whatever else Lightning asks for."""
        return _load(path, map_location)


def load_checkpoint(path: str | os.PathLike[str], map_location: Any = "cpu") -> dict[str, Any]:
    """Reads a checkpoint of a training run.

    Args:
        path: the file.
        map_location: where its tensors go.

    Returns:
        What it holds; ``["state_dict"]`` are the weights.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds more than tensors and plain data.
    """
    loaded = _load(path, map_location)
    if not isinstance(loaded, dict) or "state_dict" not in loaded:
        raise ValueError(f"{os.fspath(path)} is no checkpoint: it has no state_dict.")
    return loaded


def _load(path: str | os.PathLike[str], map_location: Any) -> Any:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no checkpoint {os.fspath(path)}.")
    try:
        with warnings.catch_warnings():
            # Of a file that is no checkpoint at all; it is refused in the end.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = (str(error).strip() or "it ends too early").splitlines()[0]
        raise ValueError(f"{os.fspath(path)} is no checkpoint, or is damaged: {reason}") from error
