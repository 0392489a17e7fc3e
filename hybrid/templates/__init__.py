"""PennyLane operations, twins of the Qiskit blocks: the same angles, in the same order.

Each decomposes into plain gates (RX, RY, RZ, Hadamard, CNOT, CZ, IsingZZ, ControlledPhaseShift),
takes one batch dimension in front, and is differentiated by backpropagation, the adjoint method or
parameter shifts alike.  A run counts only if all ancillas read 0: differentiate un-normalised
expectations and divide afterwards, since no framework differentiates a post-selection rightly by
every method.
"""

from __future__ import annotations

try:
    import pennylane as _pennylane  # noqa: F401
except ModuleNotFoundError as _error:
    if _error.name != "pennylane":
        raise
    raise ImportError(
        "PennyLane is not installed, and its devices and templates need it: "
        "pip install 'qhopfield[hybrid]'."
    ) from None

from .fields import LocalField
from .filters import ExpFilter, KernelFilter
from .loaders import IndexedLoader
from .neurons import RotationNeuron, RUSNeuron

__all__ = [
    "ExpFilter",
    "IndexedLoader",
    "KernelFilter",
    "LocalField",
    "RUSNeuron",
    "RotationNeuron",
]
