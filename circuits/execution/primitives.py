"""Running circuits through a SamplerV2, and with it on any BackendV2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2, StatevectorSampler
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from ..common.randomness import draw_seed
from .aer import refuse_memory
from .operations import refuse_missing


class SamplerRunner:
    """Runs circuits through a sampler.

    Args:
        sampler: any SamplerV2; sessions and batches are its owner's.
        backend: the device behind it, where it is to be made here: circuits are transpiled for it.
        pass_manager: transpiles each circuit once before it is bound; None uses Qiskit's preset of
            level 2 for ``backend``, and leaves circuits alone where no backend is given.

    Raises:
        TypeError: neither a sampler nor a backend of the right kind.
    """

    def __init__(
        self,
        sampler: BaseSamplerV2 | None = None,
        *,
        backend: BackendV2 | None = None,
        pass_manager: Any = None,
    ) -> None:
        if sampler is None and backend is None:
            raise TypeError("SamplerRunner needs a sampler or a backend, got neither.")
        if sampler is not None and not isinstance(sampler, BaseSamplerV2):
            raise TypeError(f"sampler must be a SamplerV2, got {type(sampler).__name__}.")
        if backend is not None and not isinstance(backend, BackendV2):
            raise TypeError(f"backend must be a BackendV2, got {type(backend).__name__}.")
        self._sampler = sampler
        self._backend = backend
        if pass_manager is None and backend is not None:
            pass_manager = generate_preset_pass_manager(
                optimization_level=2, backend=backend, seed_transpiler=0
            )
        self._pass_manager = pass_manager
        self._ready: tuple[QuantumCircuit, QuantumCircuit] | None = None
        self.name = (
            str(backend.name or type(backend).__name__)
            if backend is not None
            else type(sampler).__name__
        )

    def admit(self, num_qubits: int, alternative: str, *, rank: int | None = None) -> None:
        """Refuses a circuit that is wider than the device, or than this machine can simulate.

        Raises:
            ValueError: the device has fewer qubits, or the simulator behind a sampler less memory.
        """
        have = None if self._backend is None else self._backend.num_qubits
        if have is not None and num_qubits > have:
            raise ValueError(
                f"The circuit needs {num_qubits} qubits and {self.name} has {have}. {alternative}"
            )
        # Aer's sampler keeps its simulator private, Qiskit's shows it.
        simulator = getattr(self._sampler, "backend", getattr(self._sampler, "_backend", None))
        if isinstance(self._sampler, StatevectorSampler):
            refuse_memory(num_qubits, "statevector", alternative)
        elif isinstance(simulator, AerSimulator):
            refuse_memory(num_qubits, simulator.options.method, alternative)

    def transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit as it runs; the last one is kept, so that a sweep transpiles once.

        Raises:
            ValueError: the device or sampler lacks an operation that no translation replaces.
        """
        if self._ready is None or self._ready[0] is not circuit:
            if self._backend is not None:
                refuse_missing(circuit, self._backend.operation_names, self.name)
            elif isinstance(self._sampler, StatevectorSampler):
                # It refuses branches and measurements on the way, and resets once for all shots.
                refuse_missing(circuit, (), self.name)
            manager = self._pass_manager
            self._ready = (circuit, circuit if manager is None else manager.run(circuit))
        return self._ready[1]

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[dict[int, int]]:
        """Runs ``circuit`` for every row of ``values``; see :class:`..methods.base.Runner`."""
        ready = self.transpiled(circuit)
        sampler = self._sampler
        if sampler is None:
            sampler = BackendSamplerV2(
                backend=self._backend, options={"seed_simulator": draw_seed(rng)}
            )
        # A sampler binds by the circuit's own order of parameters.
        place = {parameter: j for j, parameter in enumerate(parameters)}
        columns = [place[parameter] for parameter in ready.parameters]
        pubs: list[tuple[Any, ...]] = []
        groups = []
        for size in np.unique(shots[shots > 0]):
            rows = np.flatnonzero(shots == size)
            if parameters:
                pubs.append((ready, values[rows][:, columns], int(size)))
                groups.append((rows, True))
            else:
                pubs.extend((ready, None, int(size)) for _ in rows)
                groups.extend((rows[j : j + 1], False) for j in range(len(rows)))
        counted: list[dict[int, int]] = [{} for _ in shots]
        for (rows, bound), outcome in zip(groups, sampler.run(pubs).result(), strict=True):
            joined = outcome.join_data([register.name for register in ready.cregs])
            for j, row in enumerate(rows.tolist()):
                location = (j,) if bound else None
                counts = joined.get_int_counts(location)
                counted[row] = {int(key): int(count) for key, count in counts.items()}
        return counted
