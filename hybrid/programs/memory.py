"""One head's memory: patterns in a superposition with their index, filtered by a probe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from torch import Tensor

from ...circuits import laws
from ...circuits.blocks.filters import ExpFilter
from ...circuits.blocks.indexed import IndexedLoader
from .base import Layout, Measured, Program, Wires, check_layout


@dataclass(frozen=True)
class MemoryProgram(Program):
    """Loads ``sum_mu sqrt(w_mu)|mu>|z^mu>``, filters it by a probe, reads the index mu.

    The weights ``N_mu = w_mu prod_i e^(-beta |x_i|) (cosh beta x_i + z_mu,i sinh beta x_i)`` are,
    for keys +-1, ``w_mu e^(beta (xi^mu . x - |x|_1))``: normalised, the softmax.

    Layouts: ``coherent`` takes an ancilla a neuron and measures in the end; ``reuse`` loads,
    filters and measures neuron after neuron on one key qubit and one ancilla, so that its width
    does not depend on the number of neurons.

    Attributes:
        num_patterns: M, the outcomes.
        num_neurons: n.
        weighted: whether the patterns' weights w are parameters (masked patterns have weight 0).

    Source: this package's; the softmax is that of Ramsauer et al. 2020, arXiv:2008.02217.
    """

    num_patterns: int
    num_neurons: int
    weighted: bool = False

    @cached_property
    def loader(self) -> IndexedLoader:
        """What loads the patterns."""
        return IndexedLoader(self.num_patterns, self.num_neurons, weighted=self.weighted)

    @property
    def num_angles(self) -> int:
        """See :attr:`Program.num_angles`: the loader's, then two a neuron of the filter."""
        return self.loader.num_angles + 2 * self.num_neurons

    @property
    def num_outcomes(self) -> int:
        """See :attr:`Program.num_outcomes`: the patterns."""
        return self.num_patterns

    @property
    def wires(self) -> Wires:
        """See :attr:`Program.wires`: index, keys, ancillas."""
        m, n = self.loader.num_index, self.num_neurons
        return Wires(outcome=tuple(range(m)), flags=tuple(range(m + n, m + 2 * n)), total=m + 2 * n)

    @property
    def rank(self) -> int:
        """See :attr:`Program.rank`: one product state a pattern."""
        return self.num_patterns

    def num_qubits(self, layout: Layout = "coherent") -> int:
        """See :meth:`Program.num_qubits`."""
        return self.loader.num_index + 2 if layout == "reuse" else self.wires.total

    def angles(
        self, probe: Tensor, keys: Tensor, beta: Tensor | float, weights: Tensor | None = None
    ) -> Tensor:
        """What a run binds, with gradients.

        Shapes:
            probe: (..., n), real
            keys: (..., M, n), expectations in [-1, 1]
            beta: a number or (..., 1)
            weights: (..., M)
            result: (..., num_angles)
        """
        loaded: Tensor = self.loader.angles(keys, weights)
        filtered: Tensor = laws.exp_filter_angles(probe, beta)
        lead = torch.broadcast_shapes(loaded.shape[:-1], filtered.shape[:-1])
        return torch.cat([loaded.expand(*lead, -1), filtered.expand(*lead, -1)], dim=-1)

    def circuit(self, layout: Layout = "coherent") -> Measured:
        """See :meth:`Program.circuit`."""
        check_layout(layout)
        n, loader = self.num_neurons, self.loader
        alone = layout == "reuse"
        index = QuantumRegister(loader.num_index, "index")
        keys = QuantumRegister(1 if alone else n, "key")
        ancillas = QuantumRegister(1 if alone else n, "ancilla")
        outcome = ClassicalRegister(loader.num_index, "pattern")
        flags = ClassicalRegister(n, "rejected")
        spins = ClassicalRegister(n, "spin")
        circuit = QuantumCircuit(index, keys, ancillas, outcome, flags, spins, name="memory")
        angles = ParameterVector("t", self.num_angles)
        filtered = loader.num_angles
        keep = ExpFilter()
        loader.append_index(circuit, angles[: loader.num_index_angles], index)
        for i in range(n):
            key = keys[0 if alone else i]
            if alone and i:
                circuit.reset(key)
            start = loader.num_index_angles + i * self.num_patterns
            loader.append_key(circuit, angles[start : start + self.num_patterns], index, key)
            # The filter's ancilla reads 0 in a run that counts, so that it is ready again.
            keep.append(
                circuit,
                [key],
                angles[filtered + 2 * i : filtered + 2 * i + 2],
                ancillas=[ancillas[0 if alone else i]],
                flags=[flags[i]] if alone else (),
            )
            if alone:
                circuit.measure(key, spins[i])
        if not alone:
            circuit.measure(ancillas, flags)
            circuit.measure(keys, spins)
        circuit.measure(index, outcome)
        m = loader.num_index
        return Measured(
            circuit=circuit,
            parameters=tuple(angles),
            outcome=tuple(range(m)),
            flags=tuple(range(m, m + n)),
            records=tuple(range(m + n, m + 2 * n)),
        )

    def apply(self, angles: Any) -> None:
        """See :meth:`Program.apply`."""
        from ..templates import ExpFilter as Filter
        from ..templates import IndexedLoader as Load

        m, n = self.loader.num_index, self.num_neurons
        keys = list(range(m, m + n))
        split = self.loader.num_angles
        Load(
            angles[..., :split],
            num_patterns=self.num_patterns,
            weighted=self.weighted,
            index=list(range(m)),
            keys=keys,
        )
        Filter(angles[..., split:], memory=keys, ancillas=list(range(m + n, m + 2 * n)))
