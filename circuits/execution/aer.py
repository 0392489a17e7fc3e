"""Running circuits on Qiskit Aer: one circuit, many binds, every bind its own number of shots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.transpiler import Target, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import AerCompiler
from qiskit_aer.noise import NoiseModel

from ..common.checks import check_count, shown
from ..common.randomness import draw_seed
from .kept import Kept
from .operations import made_ready, measures_on_the_way, operations, refuse_missing, refuse_parts

# The share of the machine's memory that one statevector may take.
MEMORY_SHARE = 0.5
# Up to this width a statevector is faster than a matrix product state of low rank.
STATEVECTOR_QUBITS = 18
# Up to this width a noisy density matrix, evolved once, is tried in place of a state a shot.
DENSITY_QUBITS = 12
# Up to this many different shot counts in a batch get a run each; more go digit by digit.
_FEW = 4


class AerRunner:
    """Runs circuits on Aer.

    Args:
        backend: a configured simulator; None makes one and chooses its method from the cost.
        noise_model: noise of gates, resets and read-out; the circuits are translated to its gates.
        pass_manager: transpiles each circuit once before it is bound; None leaves circuits as they
            are where Aer runs them as they are.

    Attributes:
        name: what runs the circuits, for a result.
        overhead: 1, for nothing is mitigated.

    Raises:
        TypeError: ``backend`` is no AerSimulator or ``noise_model`` no Aer noise model.
        ValueError: both are given.
    """

    overhead = 1.0

    def __init__(
        self,
        backend: AerSimulator | None = None,
        *,
        noise_model: NoiseModel | None = None,
        pass_manager: Any = None,
    ) -> None:
        if backend is not None and not isinstance(backend, AerSimulator):
            raise TypeError(
                f"backend must be an AerSimulator or None, got {type(backend).__name__}; "
                "make_runner(backend=...) takes any BackendV2."
            )
        if noise_model is not None and not isinstance(noise_model, NoiseModel):
            raise TypeError(
                f"noise_model must be a qiskit_aer.noise.NoiseModel or None, got "
                f"{shown(noise_model)}."
            )
        self._own = backend is None
        self._noisy = noise_model is not None
        if backend is not None and noise_model is not None:
            raise ValueError(
                "Give either backend= or noise_model=: an AerSimulator carries its own noise, "
                "AerSimulator(noise_model=...)."
            )
        # Experiments share the threads before shots do: with many binds of few shots each, dealing
        # every bind's shots out to threads costs more than running them (twice the time, Aer 0.18).
        options: dict[str, Any] = {"max_parallel_experiments": 0}
        if noise_model is not None:
            options["noise_model"] = noise_model
        self.backend = (
            backend if backend is not None else AerSimulator(method="statevector", **options)
        )
        self.name = f"aer {self.backend.options.method}"
        if noise_model is not None:
            self.name += " with noise"
        if pass_manager is None and (noise_model is not None or not self._own):
            # Level 0 keeps every gate, so that each gets its noise.
            pass_manager = generate_preset_pass_manager(
                optimization_level=0 if noise_model is not None else 1,
                backend=self.backend,
                seed_transpiler=0,
            )
        self._pass_manager = pass_manager
        self._method: str | None = None
        self._ready: Kept[QuantumCircuit] = Kept()
        self._flat: Kept[QuantumCircuit] = Kept()

    def admit(self, num_qubits: int, alternative: str, *, rank: int | None = None) -> None:
        """Refuses a circuit that would not fit, before it is built, and chooses how to simulate.

        A wide circuit whose states have a known Schmidt rank is run as a matrix product state,
        which is exact for it, at a cost that grows with the rank and not with 2^n.

        Args:
            num_qubits: its width.
            alternative: what to use instead, for the error.
            rank: a bound on the Schmidt rank of its states, where one is known.

        Raises:
            ValueError: a state of that width does not fit in memory, or the device that the
                simulator imitates has fewer qubits.
        """
        # Only a simulator made from a device has a coupling map, and that device's width.
        device = self.backend.num_qubits if self.backend.coupling_map is not None else None
        if device is not None and num_qubits > device:
            raise ValueError(
                f"The circuit needs {num_qubits} qubits and {self.backend.name} has {device}. "
                f"{alternative}"
            )
        narrow = num_qubits <= max(STATEVECTOR_QUBITS, 2 * math.log2(max(rank or 1, 1)))
        if self._own and rank is not None:
            method = "statevector" if narrow else "matrix_product_state"
            self.backend.set_options(method=method)
            self.name = f"aer {method}{' with noise' if self._noisy else ''}"
        # Aer's own choice knows no rank; a user's simulator is left as it is and told run by run.
        choose = not self._own and self.backend.options.method == "automatic"
        known = choose and rank is not None and self.backend.options.noise_model is None
        self._method = "matrix_product_state" if known and not narrow else None
        refuse_memory(num_qubits, self._method or self.backend.options.method, alternative)

    @property
    def target(self) -> Target | None:
        """The gates and durations of the device that the simulator imitates, if it does."""
        return self.backend.target if self.backend.coupling_map is not None else None

    def transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit as it runs; those seen last are kept, so that a sweep transpiles once.

        Raises:
            ValueError: the device that the simulator imitates lacks an operation, or enough qubits
                that are connected.
        """
        return circuit if self._pass_manager is None else self._ready.get(circuit, self._transpile)

    def _transpile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        if not self._own:
            refuse_missing(circuit, self.backend.operation_names, self.backend.name)
            refuse_parts(circuit, self.target, self.backend.name)
        return made_ready(self._pass_manager, circuit, self.name)

    def placed(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Circuits whose qubits are the device's own; Aer takes their gates as they are."""
        return list(circuits)

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[dict[int, int]]:
        """Runs ``circuit`` for every row of ``values``; see :class:`..methods.base.Runner`.

        Raises:
            RuntimeError: Aer failed; its message is passed on.
            ValueError: noise in a loop needs a density matrix that does not fit in memory.
        """
        return self.execute([self.transpiled(circuit)], parameters, values, shots, rng)[0]

    def execute(
        self,
        circuits: Sequence[QuantumCircuit],
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[list[dict[int, int]]]:
        """Runs circuits that are ready, each for every row, as :meth:`run` does.

        Several circuits run at once and must be alike: without control flow.

        Raises:
            RuntimeError: Aer failed; its message is passed on.
            ValueError: noise in a loop needs a density matrix that does not fit in memory.
        """
        ready, *others = circuits
        # On control flow two options abort the process (Aer 0.18): runtime binding, else fast, and
        # gate fusion, which acts from 15 qubits on and loses the bits that a loop stores.  Runtime
        # binding loses its place, too, among the errors that a noise model puts between the gates.
        dynamic = ready.has_control_flow_op()
        noisy = self.backend.options.noise_model is not None
        options: dict[str, Any] = {"fusion_enable": False} if dynamic else {}
        if self._method is not None:
            options["method"] = self._method
        if noisy and "while_loop" in operations(ready):
            # A state vector's noise is drawn once a shot, before it runs: an error in the body of
            # a while loop comes back every time round, and the loop may never end (Aer 0.18).
            # Bounded loops are unrolled, and a density matrix draws nothing.
            options["method"] = "density_matrix"
            used = {qubit for instruction in ready.data for qubit in instruction.qubits}
            refuse_memory(
                len(used),
                "density_matrix",
                "Noise in a loop that repeats until success needs one: use RUSNeuron(attempts=...) "
                "or register='feedforward'.",
            )
        elif dynamic and not noisy:
            # Aer's jumps in place of loops; Aer itself would put them in for every run.
            ready = self._flat.get(ready, lambda each: AerCompiler().compile(each)[0])
        run = [ready, *others]
        counted: list[list[dict[int, int]]] = [[{} for _ in shots] for _ in run]
        for rows, portion in portions(shots):
            binds = None
            if parameters:
                bind = {p: values[rows, j].tolist() for j, p in enumerate(parameters)}
                binds = [bind] * len(run)
            dense = {}
            if noisy and self._own and not dynamic and self._sampled(ready, portion):
                self.name = "aer density_matrix with noise"
                dense = {"method": "density_matrix"}
            result = self.backend.run(
                run if parameters else [each for each in run for _ in rows],
                parameter_binds=binds,
                shots=portion,
                seed_simulator=draw_seed(rng),
                runtime_parameter_bind_enable=bool(parameters) and not dynamic and not noisy,
                **options | dense,
            ).result()
            if not result.success:
                raise RuntimeError(f"Aer failed: {result.status}")
            places = [(which, row) for which in range(len(run)) for row in rows.tolist()]
            for (which, row), experiment in zip(places, result.results, strict=True):
                total = counted[which][row]
                for key, count in experiment.data.counts.items():
                    reading = int(key, 16)
                    total[reading] = total.get(reading, 0) + int(count)
        return counted

    def _sampled(self, ready: QuantumCircuit, shots: int) -> bool:
        """Whether a density matrix that is evolved once beats a state vector for every shot.

        It does where nothing is measured before the end and the shots are more than the entries of
        a state (8 qubits, 4000 shots: 0.02 s in place of 0.8 s; 10 qubits: even at 2000 shots).
        """
        used = {qubit for instruction in ready.data for qubit in instruction.qubits}
        return (
            len(used) <= DENSITY_QUBITS
            and shots >= 1 << len(used)
            and self.backend.options.method == "statevector"
            and not measures_on_the_way(ready)
        )


def portions(shots: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Splits rows with different numbers of shots into few runs of equal shots.

    Yields:
        Rows (a row may come several times) and the shots that each gets.
    """
    sizes = np.unique(shots)
    if len(sizes) <= _FEW:
        for size in sizes[sizes > 0]:
            yield np.flatnonzero(shots == size), int(size)
        return
    power = 1
    remaining = shots.copy()
    while remaining.any():
        digits = remaining % 4
        rows = np.repeat(np.arange(len(shots)), digits)
        if rows.size:
            yield rows, power
        remaining //= 4
        power *= 4


def refuse_memory(num_qubits: int, method: str, alternative: str) -> None:
    """Refuses a simulation that would not fit in memory.

    Args:
        num_qubits: width of the circuit.
        method: Aer's name of the simulation method; those that compress are let through.
        alternative: what to use instead, for the error.

    Raises:
        ValueError: the state does not fit.
    """
    if method not in ("statevector", "automatic", "density_matrix"):
        return
    width = 2 * num_qubits if method == "density_matrix" else num_qubits
    need, have = statevector_bytes(width), psutil.virtual_memory().total
    if need > MEMORY_SHARE * have:
        raise ValueError(
            f"{num_qubits} qubits need {_bytes(need)} for a "
            f"{'density matrix' if method == 'density_matrix' else 'statevector'}; this "
            f"machine has {_bytes(have)}, of which {MEMORY_SHARE:.0%} may be used. "
            f"{alternative}"
        )


def statevector_bytes(num_qubits: int) -> int:
    """Memory of a statevector in complex128, bytes."""
    return 16 << check_count(num_qubits, "num_qubits", maximum=1 << 20)


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if number < 1024:
            return f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:.3g} EiB"
