"""What all superposition memories share: their circuits, their checks, drawing from a law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector

from ..blocks.amplification import amplify
from ..blocks.filters import ExpFilter, KernelFilter, MemoryFilter
from ..blocks.loaders import Loader, load_memory
from ..common.checks import check_kind
from ..common.cost import refuse_gates
from ..models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    Model,
    ModernHopfield,
    Polynomial,
)
from .base import Method, Probes, Samples, Trace
from .probes import as_states
from .template import Template

# The law is O(M N) at any size.
UNLIMITED = 10**9

ONCE = "measures every ancilla once, at the end, on more qubits."
"""What fresh=True does, for the advice on devices that measure nothing on the way."""


def filter_for(model: Model) -> MemoryFilter:
    """The filter that realises a model's own separation function.

    ``F = exp(beta x)`` and :class:`ModernHopfield` give :class:`ExpFilter`, any other separation
    function a :class:`KernelFilter`, and a :class:`Hopfield` network the kernel of its ``F = x^2``.

    Raises:
        TypeError: the model has no separation function.
    """
    if isinstance(model, ModernHopfield):
        return ExpFilter(model.beta)
    if isinstance(model, DenseAssociativeMemory):
        if isinstance(model.separation, Exponential):
            return ExpFilter(model.separation.beta)
        return KernelFilter(model.separation)
    if isinstance(model, Hopfield):
        return KernelFilter(Polynomial(2))
    check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
    raise TypeError(
        f"{type(model).__name__} has no separation function to choose a filter by: name a filter, "
        "such as ExpFilter(beta=...) or KernelFilter(Polynomial(2))."
    )


def log_scale(
    chosen: MemoryFilter, rows: NDArray[np.float64], least: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Logarithm of what max-subtraction divides out of the kernel, probe by probe, (P,)."""
    if isinstance(chosen, KernelFilter):
        return chosen.log_scale(rows, d_min=least)
    return np.zeros(len(rows))


def filtered_template(
    patterns: NDArray[Any],
    chosen: MemoryFilter,
    *,
    fresh: bool,
    values: Any = None,
    read_index: bool = False,
) -> tuple[Template, Loader]:
    """The measured circuit of a filtered memory, its probe left open as parameters.

    Args:
        patterns: (M, N) +-1, or product-state keys (an index register is added for them).
        chosen: the filter.
        fresh: one ancilla a question, instead of one that is used again.
        values: what is stored with each pattern, on qubits of their own, (M, V).
        read_index: measures the pattern's number, on ``ceil(log2 M)`` qubits, and not the memory.

    Returns:
        The template, whose first N bits are the neurons (the values follow them) or the bits of
        the number, and its loader.
    """
    layout = _Layout(patterns, chosen, values, None if fresh else 1, read_index=read_index)
    layout.load(layout.circuit)
    layout.ask(layout.circuit, flags=not fresh)
    if fresh:
        layout.circuit.measure(layout.ancillas, layout.failed)
    return layout.template(), layout.loader


def amplified_template(
    patterns: NDArray[Any],
    chosen: MemoryFilter,
    rounds: int,
    *,
    tolerance: float | None = None,
    values: Any = None,
) -> tuple[Template, Loader]:
    """The measured circuit of an amplified memory; arguments as above.

    Args:
        patterns: (M, N) +-1, or product-state keys.
        chosen: the filter, on an ancilla a question.
        rounds: rounds of amplification.
        tolerance: delta of fixed-point amplification; None for the plain one.
        values: what is stored with each pattern.
    """
    layout = _Layout(patterns, chosen, values, None)
    prepare = QuantumCircuit(*layout.circuit.qregs)
    layout.load(prepare)
    layout.ask(prepare, flags=False)
    layout.circuit.compose(prepare, prepare.qubits, inplace=True)
    amplify(layout.circuit, prepare, list(layout.ancillas), rounds, tolerance=tolerance)
    layout.circuit.measure(layout.ancillas, layout.failed)
    return layout.template(), layout.loader


class _Layout:
    """Registers of a superposition memory: memory, values, index, distance, filter ancillas."""

    def __init__(
        self,
        patterns: NDArray[Any],
        chosen: MemoryFilter,
        values: Any,
        ancillas: int | None,
        *,
        read_index: bool = False,
    ) -> None:
        num_neurons = patterns.shape[1]
        steps = chosen.steps(num_neurons)
        refuse_gates(
            float(steps) * num_neurons,
            f"{chosen!r} on {num_neurons} neurons",
            "Use a filter of fewer questions, or exact=True, whose law builds no circuit.",
        )
        rows = patterns if values is None else np.hstack([patterns, values])
        # Product states and rows that repeat need their number beside them.
        numbered = bool(np.any(np.abs(rows) != 1)) or len(np.unique(rows, axis=0)) < len(rows)
        self.loader = load_memory(patterns, values=values, index=numbered or read_index)
        self._chosen = chosen
        self._memory = QuantumRegister(num_neurons, "s")
        self._values = QuantumRegister(self.loader.num_values, "value")
        self._index = QuantumRegister(self.loader.num_index, "index")
        self._distance = QuantumRegister(chosen.register_width(num_neurons), "distance")
        self.ancillas = QuantumRegister(steps if ancillas is None else ancillas, "filter")
        self._read = [*self._index] if read_index else [*self._memory, *self._values]
        # A memory of one pattern has no number to read.
        self._answer = ClassicalRegister(
            max(1, len(self._read)), "index" if read_index else "neurons"
        )
        self.failed = ClassicalRegister(steps, "failed")
        registers = (self._memory, self._values, self._index, self._distance, self.ancillas)
        self.circuit = QuantumCircuit(
            *(register for register in registers if len(register)), self._answer, self.failed
        )
        self._angles = ParameterVector("probe", chosen.num_angles(num_neurons))

    def load(self, circuit: QuantumCircuit) -> None:
        """Adds the loader."""
        self.loader.append(
            circuit, list(self._memory), values=list(self._values), index=list(self._index)
        )

    def ask(self, circuit: QuantumCircuit, *, flags: bool) -> None:
        """Adds the filter, its ancilla measured after each question if there are ``flags``."""
        self._chosen.append(
            circuit,
            list(self._memory),
            list(self._angles),
            ancillas=list(self.ancillas),
            register=list(self._distance),
            flags=list(self.failed) if flags else [],
        )

    def template(self) -> Template:
        """Measures what is read, and closes the circuit."""
        self.circuit.measure(self._read, list(self._answer)[: len(self._read)])
        rejecting = sum(1 << self.circuit.find_bit(bit).index for bit in self.failed)
        return Template(self.circuit, tuple(self._angles), rejecting, None, width=len(self._answer))


def bind(template: Template, values: NDArray[np.float64]) -> QuantumCircuit:
    """The circuit of a template with its parameters bound."""
    circuit = template.circuit.assign_parameters(
        dict(zip(template.parameters, values.tolist(), strict=True))
    )
    assert circuit is not None  # inplace=False returns the bound copy
    return circuit


def stored_patterns(model: Model) -> NDArray[np.int8]:
    """The model's patterns.

    Raises:
        TypeError: ``model`` is no model.
        ValueError: the model only has weights.
    """
    check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
    if model.patterns is None:
        raise ValueError(
            f"{model!r} has weights but no patterns, and a superposition memory loads patterns: "
            "make the model by Hopfield.store(patterns), or give patterns= beside the weights."
        )
    return model.patterns


def sample_patterns(
    patterns: NDArray[np.int8],
    shares: NDArray[np.float64],
    acceptance: NDArray[np.float64],
    shots: int,
    rng: np.random.Generator,
    trace: Trace | None = None,
) -> Samples:
    """Draws accepted shots and their patterns: binomial, then multinomial."""
    accepted = rng.binomial(shots, np.clip(acceptance, 0.0, 1.0))
    outcomes, weights = [], []
    for count, row in zip(accepted.tolist(), shares, strict=True):
        drawn = rng.multinomial(count, row / row.sum())
        found = np.flatnonzero(drawn)
        outcomes.append(patterns[found])
        weights.append(drawn[found].astype(float))
    unknown = np.full(len(shares), math.nan)
    return Samples(
        outcomes=tuple(outcomes),
        weights=tuple(weights),
        shots=shots,
        acceptance=accepted / shots,
        attempts=unknown,
        folded=unknown,
        trace=trace,
    )


def refuse_empty(kept: NDArray[np.float64]) -> None:
    """Raises where no pattern of the memory can pass the filter."""
    empty = np.flatnonzero(~(kept.max(axis=1) > 0.0))
    if empty.size:
        raise ValueError(
            f"No stored pattern passes the filter for probe {int(empty[0])}: acceptance 0. Use a "
            "softer filter (smaller beta), a kernel that is positive at more distances, or "
            "max-subtraction (KernelFilter(..., d_min=...) or least='descending')."
        )


def refuse_states(probe: Probes, method: Method) -> None:
    """Raises for probes with amplitudes, which a filter cannot take."""
    if as_states(probe) is not None:
        raise TypeError(
            f"{type(method).__name__} takes spin expectations, (N,) or (P, N): the probe enters "
            "as angles. Statevector probes are for NeuronDynamics."
        )
