"""Running circuits on Qiskit Aer: one circuit, many binds, every bind its own number of shots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, Qubit
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import AerCompiler
from qiskit_aer.noise import NoiseModel

from ..common.checks import check_count, shown
from ..common.cost import MEMORY_SHARE, in_bytes, refuse_gates
from ..common.cost import refuse_memory as refuse_bytes
from ..common.randomness import draw_seed
from .kept import Kept
from .operations import Advice, measures_on_the_way, operations
from .simulation import COMPRESSING, Simulation
from .unfolding import unfolded
from .ways import cheapest

# Up to this width a statevector is faster than a matrix product state of low rank.
STATEVECTOR_QUBITS = 18
# Up to this width a noisy density matrix, evolved once, is tried in place of a state a shot.
DENSITY_QUBITS = 12
# Up to this many different shot counts in a batch get a run each; more go digit by digit.
_FEW = 4


class AerRunner:
    """Runs circuits on Aer.

    How a circuit is simulated is chosen when it runs, from its gates, its width, the rank that its
    states are known to have, and its shots.  Where a method of Aer's lacks a gate, the gate is
    translated.  A circuit without noise that measures on the way may run with its measurements put
    off to the end (:mod:`.unfolding`): another circuit of the same law.

    Args:
        backend: a configured simulator; None makes one and chooses its method from the cost.
        noise_model: noise of gates, resets and read-out; the circuits are translated to its gates.
            The same as ``backend=AerSimulator(noise_model=...)``.
        pass_manager: transpiles each circuit once before it is bound; None leaves circuits as they
            are where Aer runs them as they are.

    Attributes:
        name: what runs the circuits, for a result.
        overhead: 1, for nothing is mitigated.

    Raises:
        TypeError: ``backend`` is no AerSimulator or ``noise_model`` no Aer noise model.
        ValueError: both are given, or the simulator's method gives no shots.
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
        self._simulation = Simulation(self.backend)
        self._noisy = self._simulation.noise is not None
        self._pass_manager = pass_manager
        self._rank: int | None = None
        self._advice = Advice()
        self._ready: Kept[QuantumCircuit] = Kept()
        self._flat: Kept[QuantumCircuit] = Kept()
        self._unfolded: Kept[QuantumCircuit | None] = Kept()
        self._call(self.backend.options.method)

    def _call(self, method: str) -> None:
        self.name = f"aer {method}"
        if self._noisy:
            self.name += " with noise"

    def admit(
        self,
        num_qubits: int,
        alternative: str,
        *,
        rank: int | None = None,
        simpler: str | None = None,
    ) -> None:
        """Refuses a circuit that would not fit, before it is built; see ``methods.base.Runner``.

        A wide circuit whose states have a known Schmidt rank is run as a matrix product state,
        which is exact for it, at a cost that grows with the rank and not with 2^n.

        Args:
            num_qubits: its width.
            alternative: what to use instead, for the error.
            rank: a bound on the Schmidt rank of its states, where one is known.
            simpler: what to use where loops, resets or measurements on the way are missing.

        Raises:
            ValueError: a state of that width does not fit in memory, or the device that the
                simulator imitates has fewer qubits.
        """
        self._advice = Advice(alternative, simpler)
        self._rank = rank
        device = self._simulation.width
        if device is not None and num_qubits > device:
            raise ValueError(
                f"The circuit needs {num_qubits} qubits and {self.backend.name} has {device}. "
                f"{alternative}"
            )
        method = self._first_choice(num_qubits, rank)
        if self._own:
            self._call(method)
        refuse_memory(num_qubits, method, alternative)

    def fits(self, num_qubits: int, *, rank: int | None = None) -> bool:
        """Whether :meth:`admit` would let a circuit through."""
        device = self._simulation.width
        if device is not None:
            return num_qubits <= device
        return _fits(state_bytes(num_qubits, self._first_choice(num_qubits, rank)))

    def _first_choice(self, num_qubits: int, rank: int | None) -> str:
        """Aer's method for a circuit of which only the width and the rank are known."""
        method = str(self.backend.options.method)
        # Aer's own choice knows no rank; a simulator with a method of its own keeps it.
        free = self._own or (method == "automatic" and not self._noisy)
        wide = num_qubits > max(STATEVECTOR_QUBITS, 2 * math.log2(max(rank or 1, 1)))
        return "matrix_product_state" if free and rank is not None and wide else method

    @property
    def ideal(self) -> bool:
        """Whether the simulator has no noise."""
        return self.backend.options.noise_model is None

    @property
    def target(self) -> Target | None:
        """The gates and durations of the device that the simulator imitates, if it does."""
        return self.backend.target if self._simulation.device else None

    def transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit as it runs; those seen last are kept, so that a sweep transpiles once.

        Warns:
            UserWarning: the circuit has gates like those of the noise model, and none of its noise.

        Raises:
            ValueError: the device that the simulator imitates lacks an operation, or enough qubits
                that are connected; or the simulator's method lacks the gates.
        """
        return self._ready.get(circuit, self._transpile)

    def _transpile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        plain = self._own and not self._noisy
        ready = circuit
        if self._pass_manager is not None or not plain:
            ready = self._simulation.compiled(circuit, self._pass_manager, self._advice)
        if self._simulation.effect is not None:
            self._simulation.effect.look(ready)
        return ready

    def placed(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Circuits whose qubits are the device's own; Aer takes their gates as they are."""
        return list(circuits)

    def close(self) -> None:
        """Warns if the noise model has had no effect on anything that ran."""
        if self._simulation.effect is not None:
            self._simulation.effect.close()

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
        refuse_shots(shots)
        if circuits[0].has_control_flow_op():
            refuse_gates(
                unrolled(circuits[0]),
                "Its loops written out",
                "Use attempts=None, which repeats until success, or fewer attempts.",
            )
        batches = list(portions(shots))
        # On control flow two options abort the process (Aer 0.18): runtime binding, else fast, and
        # gate fusion, which acts from 15 qubits on and loses the bits that a loop stores.  Runtime
        # binding loses its place, too, among the errors that a noise model puts between the gates.
        dynamic = circuits[0].has_control_flow_op()
        noisy = self._noisy
        run, method = self._simulated(circuits, batches)
        options: dict[str, Any] = {"fusion_enable": False} if dynamic else {}
        if noisy and "while_loop" in operations(circuits[0]):
            # A state vector's noise is drawn once a shot, before it runs: an error in the body of
            # a while loop comes back every time round, and the loop may never end (Aer 0.18).
            # Bounded loops are unrolled, and a density matrix draws nothing.
            method = "density_matrix"
            refuse_memory(
                len(_used(circuits[0])),
                method,
                "Noise in a loop that repeats until success needs one: use RUSNeuron(attempts=...) "
                "or register='feedforward'.",
            )
            run = [self._simulation.fitted(each, method) for each in run]
        elif dynamic and not noisy:
            # Aer's jumps in place of loops; Aer itself would put them in for every run.
            run = [self._flat.get(each, lambda one: AerCompiler().compile(one)[0]) for each in run]
        counted: list[list[dict[int, int]]] = [[{} for _ in shots] for _ in run]
        for rows, portion in batches:
            binds = None
            if parameters:
                bind = {p: values[rows, j].tolist() for j, p in enumerate(parameters)}
                binds = [bind] * len(run)
            now = method
            if noisy and self._own and not dynamic and self._sampled(run[0], method, portion):
                now = "density_matrix"
            if now != self.backend.options.method:
                options["method"] = now
            if self._own or now != self.backend.options.method:
                self._call(now)
            result = self.backend.run(
                run if parameters else [each for each in run for _ in rows],
                parameter_binds=binds,
                shots=portion,
                seed_simulator=draw_seed(rng),
                runtime_parameter_bind_enable=bool(parameters) and not dynamic and not noisy,
                **options,
            ).result()
            options.pop("method", None)
            if not result.success:
                raise RuntimeError(f"Aer failed: {result.status}")
            places = [(which, row) for which in range(len(run)) for row in rows.tolist()]
            for (which, row), experiment in zip(places, result.results, strict=True):
                total = counted[which][row]
                for key, count in experiment.data.counts.items():
                    reading = int(key, 16)
                    total[reading] = total.get(reading, 0) + int(count)
        return counted

    def _simulated(
        self, circuits: Sequence[QuantumCircuit], batches: Sequence[tuple[NDArray[np.intp], int]]
    ) -> tuple[list[QuantumCircuit], str]:
        """The circuits as they are simulated, and Aer's method for them.

        What costs least is taken, of the ways that are open: a state vector or, where the rank is
        known, a matrix product state; measurements on the way, or all at the end.
        """
        ready = circuits[0]
        method = self._first_choice(ready.num_qubits, self._rank)
        simulation = self._simulation
        if self._rank is None and not fits_statevector(ready.num_qubits):
            simulation.tell_entanglement(ready, self._advice)
        if self._noisy or simulation.device:
            if self._own and simulation.lacking(ready, method):
                method = "statevector"  # a translation would lose the noise of the gate
            return [simulation.fitted(each, method) for each in circuits], method
        chosen = list(circuits)
        if measures_on_the_way(ready):
            late = [self._unfolded.get(each, unfolded) for each in circuits]
            laid = [each for each in late if each is not None]
            if len(laid) == len(late):
                way = cheapest(
                    ready,
                    laid[0],
                    self._open(method),
                    rank=self._rank,
                    rows=sum(len(rows) for rows, _ in batches),
                    shots=sum(len(rows) * portion for rows, portion in batches),
                )
                method, chosen = way.method, laid if way.late else chosen
        return [simulation.fitted(each, method) for each in chosen], method

    def _open(self, method: str) -> tuple[str, ...]:
        """Aer's methods that may be taken in place of one, that one first."""
        given = str(self.backend.options.method)
        free = self._own or given == "automatic"
        if not free or self._rank is None:
            return (method,)
        return tuple(dict.fromkeys((method, given, "matrix_product_state")))

    def _sampled(self, ready: QuantumCircuit, method: str, shots: int) -> bool:
        """Whether a density matrix that is evolved once beats a state vector for every shot.

        It does where nothing is measured before the end and the shots are more than the entries of
        a state (8 qubits, 4000 shots: 0.02 s in place of 0.8 s; 10 qubits: even at 2000 shots).
        """
        width = len(_used(ready))
        return (
            width <= DENSITY_QUBITS
            and shots >= 1 << width
            and method == "statevector"
            and not measures_on_the_way(ready)
            and not self._simulation.lacking(ready, "density_matrix")
        )


def _used(circuit: QuantumCircuit) -> set[Qubit]:
    """The qubits of a circuit that something acts on."""
    return {qubit for instruction in circuit.data for qubit in instruction.qubits}


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


def refuse_shots(shots: NDArray[np.int64]) -> None:
    """Refuses shots whose readings do not fit in memory: simulators keep each until all are done.

    Raises:
        ValueError: they do not.
    """
    total = float(np.sum(shots, dtype=np.float64))
    refuse_bytes(
        64.0 * total,
        f"shots={total:.10g} in all",
        "Use fewer shots at a time, or exact=True.",
    )


def unrolled(circuit: QuantumCircuit) -> float:
    """Instructions of a circuit whose bounded loops are written out, as Aer does."""
    total = 0.0
    for instruction in circuit.data:
        operation = instruction.operation
        blocks = getattr(operation, "blocks", ())
        times = len(operation.params[0]) if operation.name == "for_loop" else 1
        total += times * sum(map(unrolled, blocks)) if blocks else 1.0
    return total


def refuse_memory(num_qubits: int, method: str, alternative: str) -> None:
    """Refuses a simulation that would not fit in memory.

    Args:
        num_qubits: width of the circuit.
        method: Aer's name of the simulation method; those that compress are let through.
        alternative: what to use instead, for the error.

    Raises:
        ValueError: the state does not fit.
    """
    need, have = state_bytes(num_qubits, method), psutil.virtual_memory().total
    if need > MEMORY_SHARE * have:
        raise ValueError(
            f"{num_qubits} qubits need {in_bytes(need)} for a "
            f"{'density matrix' if method == 'density_matrix' else 'statevector'}; this "
            f"machine has {in_bytes(have)}, of which {MEMORY_SHARE:.0%} may be used. "
            f"{alternative}"
        )


def state_bytes(num_qubits: int, method: str) -> int:
    """Memory of a state by Aer's name of the method, bytes; 0 for methods that compress."""
    if method in COMPRESSING:
        return 0
    return statevector_bytes(2 * num_qubits if method == "density_matrix" else num_qubits)


def fits_statevector(num_qubits: int) -> bool:
    """Whether a statevector of that width fits in memory."""
    return _fits(statevector_bytes(num_qubits))


def _fits(need: int) -> bool:
    return bool(need <= MEMORY_SHARE * psutil.virtual_memory().total)


def statevector_bytes(num_qubits: int) -> int:
    """Memory of a statevector in complex128, bytes."""
    return 16 << check_count(num_qubits, "num_qubits", maximum=1 << 20)
