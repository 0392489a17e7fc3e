"""Running circuits through a SamplerV2, and with it on any BackendV2."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2, StatevectorSampler
from qiskit.providers import BackendV2
from qiskit.transpiler import Target, generate_preset_pass_manager
from qiskit_aer import AerSimulator

from ..common.randomness import draw_seed
from .aer import fits_statevector, portions, refuse_memory, refuse_shots
from .kept import Kept
from .operations import Advice, made_ready, refuse_missing, refuse_parts
from .seeds import backend_of, seeded, takes_seed
from .simulation import Simulation


class SamplerRunner:
    """Runs circuits through a sampler.

    Args:
        sampler: any SamplerV2; sessions and batches are its owner's.
        backend: the device behind it, where it is to be made here: circuits are transpiled for it.
        pass_manager: transpiles each circuit once before it is bound; None uses Qiskit's preset of
            level 2 for ``backend``, or for the backend that a sampler shows; on Aer the passes of
            :class:`~.simulation.Simulation`.  Circuits for a sampler that shows none stay as they
            are.

    Attributes:
        name: what runs the circuits, for a result.
        overhead: 1, for nothing is mitigated here.
        sampler: the sampler that was given, or None.

    Raises:
        TypeError: neither a sampler nor a backend of the right kind.
    """

    overhead = 1.0

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
        self.sampler = sampler
        self._seeded = takes_seed(backend if sampler is None else sampler)
        behind = backend_of(sampler) if backend is None else backend
        simulator = _as_configured(behind, sampler)
        self._simulation = None if simulator is None else Simulation(simulator)
        self._device = behind if simulator is None else None
        self._backend = backend
        if pass_manager is None and self._device is not None:
            pass_manager = generate_preset_pass_manager(
                optimization_level=2, backend=self._device, seed_transpiler=0
            )
        self._pass_manager = pass_manager
        self._advice = Advice()
        self._rank: int | None = None
        self._ready: Kept[QuantumCircuit] = Kept()
        self.name = (
            str(backend.name or type(backend).__name__)
            if backend is not None
            else type(sampler).__name__
        )

    def admit(
        self,
        num_qubits: int,
        alternative: str,
        *,
        rank: int | None = None,
        simpler: str | None = None,
    ) -> None:
        """Refuses a circuit that is wider than the device, or than this machine can simulate.

        Raises:
            ValueError: the device has fewer qubits, or the simulator behind a sampler less memory.
        """
        self._advice = Advice(alternative, simpler)
        self._rank = rank
        have = None
        if self._simulation is not None:
            have = self._simulation.width
        elif self._device is not None:
            have = self._device.num_qubits
        if have is not None and num_qubits > have:
            raise ValueError(
                f"The circuit needs {num_qubits} qubits and {self.name} has {have}. {alternative}"
            )
        if isinstance(self.sampler, StatevectorSampler):
            refuse_memory(num_qubits, "statevector", alternative)
        elif self._simulation is not None:
            refuse_memory(num_qubits, self._simulation.backend.options.method, alternative)

    @property
    def ideal(self) -> bool:
        """Whether a simulator without noise is behind it; of others it is not known."""
        if isinstance(self.sampler, StatevectorSampler):
            return True
        # Aer's sampler keeps its simulator private, Qiskit's shows it.
        inner = getattr(self.sampler, "backend", getattr(self.sampler, "_backend", self._backend))
        return isinstance(inner, AerSimulator) and inner.options.noise_model is None

    @property
    def target(self) -> Target | None:
        """The device's gates and durations, where the device is known."""
        if self._simulation is not None:
            return self._simulation.backend.target if self._simulation.device else None
        return None if self._device is None else self._device.target

    def transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit as it runs; those seen last are kept, so that a sweep transpiles once.

        Raises:
            ValueError: the device or sampler lacks an operation that no translation replaces, or
                enough qubits that are connected.
        """
        return self._ready.get(circuit, self._transpile)

    def _transpile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        simulation = self._simulation
        if simulation is not None:
            # Without noise Aer takes most circuits as they are; what it lacks is translated.
            ready = circuit
            if self._pass_manager is not None or simulation.noise is not None or simulation.device:
                ready = simulation.compiled(circuit, self._pass_manager, self._advice)
            if self._rank is None and not fits_statevector(ready.num_qubits):
                simulation.tell_entanglement(ready, self._advice)
            ready = simulation.fitted(ready)
            if simulation.effect is not None:
                simulation.effect.look(ready)
            return ready
        if self._device is not None:
            refuse_missing(circuit, self._device.operation_names, self.name, self._advice)
            refuse_parts(circuit, self._device.target, self.name, self._advice)
        elif isinstance(self.sampler, StatevectorSampler):
            # It refuses branches and measurements on the way, and resets once for all shots.
            refuse_missing(circuit, (), self.name, self._advice)
        if self._pass_manager is None:
            return circuit
        return made_ready(self._pass_manager, circuit, self.name)

    def close(self) -> None:
        """Warns if the noise of a simulator behind the sampler has had no effect on anything."""
        if self._simulation is not None and self._simulation.effect is not None:
            self._simulation.effect.close()

    def placed(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Circuits whose qubits are the device's own, in the device's gates.

        Where only a sampler is known, the gates stay as they are.
        """
        if self._device is None:
            return list(circuits)
        manager = generate_preset_pass_manager(
            optimization_level=0,
            backend=self._device,
            initial_layout=list(range(circuits[0].num_qubits)),
        )
        return list(manager.run(list(circuits)))

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[dict[int, int]]:
        """Runs ``circuit`` for every row of ``values``; see :class:`..methods.base.Runner`."""
        return self.execute([self.transpiled(circuit)], parameters, values, shots, rng)[0]

    def execute(
        self,
        circuits: Sequence[QuantumCircuit],
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[list[dict[int, int]]]:
        """Runs circuits that are ready, each for every row: one job where the shots are equal."""
        refuse_shots(shots)
        place = {parameter: j for j, parameter in enumerate(parameters)}
        counted: list[list[dict[int, int]]] = [[{} for _ in shots] for _ in circuits]
        # IBM's samplers take one number of shots a job.
        for rows, size in portions(shots):
            sampler = self.sampler
            if sampler is not None:
                # Whatever seed it was made with has become that of the recall (settle_seed).
                sampler = (seeded(sampler, rng) if self._seeded else None) or sampler
            else:
                seed = draw_seed(rng)
                options = {"seed_simulator": seed} if self._seeded else {}
                sampler = BackendSamplerV2(backend=self._backend, options=options)
            pubs: list[tuple[Any, ...]] = []
            groups = []
            for which, ready in enumerate(circuits):
                # A sampler binds by the circuit's own order of parameters.
                columns = [place[parameter] for parameter in ready.parameters]
                if parameters:
                    pubs.append((ready, values[rows][:, columns], size))
                    groups.append((which, rows, True))
                else:
                    pubs.extend((ready, None, size) for _ in rows)
                    groups.extend((which, rows[j : j + 1], False) for j in range(len(rows)))
            outcomes = sampler.run(pubs).result()
            for (which, own, bound), outcome in zip(groups, outcomes, strict=True):
                joined = outcome.join_data([register.name for register in circuits[which].cregs])
                for j, row in enumerate(own.tolist()):
                    total = counted[which][row]
                    for key, count in joined.get_int_counts((j,) if bound else None).items():
                        total[int(key)] = total.get(int(key), 0) + int(count)
        return counted


def _as_configured(behind: BackendV2 | None, sampler: Any) -> AerSimulator | None:
    """The simulator behind a sampler, as the sampler's own options have it run."""
    if not isinstance(behind, AerSimulator):
        return None
    options = getattr(getattr(sampler, "options", None), "run_options", None)
    if not isinstance(options, Mapping) or not options:
        return behind
    known = {name: value for name, value in options.items() if name in behind.options}
    configured = copy.copy(behind)
    configured._options = copy.copy(behind.options)
    configured.set_options(**known)
    return configured
