"""What an AerSimulator can do with a circuit, and how circuits are compiled for it."""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit
from qiskit.transpiler import Target, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from ..common.cost import in_time
from ..common.told import warn_caller
from .kept import Kept
from .noise_effect import NoiseEffect
from .operations import Advice, made_ready, operations, refuse_missing, refuse_parts
from .ways import bond_cost

# Methods whose cost grows with something else than the number of qubits.
COMPRESSING = ("matrix_product_state", "tensor_network", "stabilizer", "extended_stabilizer")

# Methods that compute something else than what a measured circuit gives.
_UNFIT = {
    "unitary": "computes the matrix of a circuit, and measures nothing",
    "superop": "computes the channel of a circuit, and measures nothing",
    "extended_stabilizer": "approximates gates that are not Clifford, and branches on nothing",
}
_FIT = "'automatic', 'statevector', 'matrix_product_state' or 'density_matrix'"

# What Aer puts jumps in place of, or runs whatever the method: it is in no list, or in some.
_ALWAYS = frozenset(
    (
        "barrier",
        "break_loop",
        "continue_loop",
        "delay",
        "for_loop",
        "id",
        "if_else",
        "jump",
        "mark",
        "measure",
        "reset",
        "store",
        "switch_case",
        "while_loop",
    )
)


class Simulation:
    """An AerSimulator, asked for what it can do.

    How wide a circuit may be is a matter of memory and is asked elsewhere: the number of qubits
    that a simulator names is a guess that Aer itself does not keep to.  Only one that is made from
    a device (it has a coupling map) has that device's width.

    Args:
        backend: the simulator.

    Attributes:
        backend: the simulator.
        noise: its noise model, or None.
        device: whether it imitates a device.

    Raises:
        ValueError: its method gives no shots of a circuit, or its hardware is not there.
    """

    def __init__(self, backend: AerSimulator) -> None:
        self.backend = backend
        self.noise: NoiseModel | None = backend.options.noise_model
        self.device = backend.coupling_map is not None
        self.effect = None if self.noise is None else NoiseEffect(self.noise)
        self._told = False
        self._targets: dict[str, Target] = {}
        self._managers: dict[tuple[str, int], Any] = {}
        self._fitted: dict[str, Kept[QuantumCircuit]] = {}
        method, processor = backend.options.method, backend.options.device or "CPU"
        if method in _UNFIT:
            raise ValueError(
                f"AerSimulator(method={method!r}) {_UNFIT[method]}: use method={_FIT}, or leave "
                "backend out."
            )
        if processor not in backend.available_devices():
            raise ValueError(
                f"AerSimulator(device={processor!r}) is not available here (available: "
                f"{', '.join(backend.available_devices())}): leave device out, or install "
                "qiskit-aer-gpu in place of qiskit-aer on a machine with a GPU."
            )

    @property
    def width(self) -> int | None:
        """Qubits of the device that it imitates; None where memory alone decides."""
        return int(self.backend.num_qubits) if self.device else None

    def target(self, method: str | None = None) -> Target:
        """The gates of a method, on any number of qubits; with noise, those the noise is for."""
        method = method or self.backend.options.method
        if method not in self._targets:
            asked = self.backend
            if method != asked.options.method:
                asked = AerSimulator(method=method, noise_model=self.noise)
            names = sorted(asked.target.operation_names)
            self._targets[method] = Target.from_configuration(
                basis_gates=names,
                custom_name_mapping={
                    name: asked.target.operation_from_name(name) for name in names
                },
            )
        return self._targets[method]

    def lacking(self, circuit: QuantumCircuit, method: str | None = None) -> set[str]:
        """The circuit's gates that a method does not have."""
        method = method or self.backend.options.method
        # Noise takes gates from the list of what circuits are translated to, not from the method.
        known = (
            AerSimulator(method=method).operation_names
            if self.noise is not None or self.device
            else self.target(method).operation_names
        )
        return operations(circuit) - _ALWAYS - set(known)

    def compiled(
        self, circuit: QuantumCircuit, manager: Any = None, advice: Advice | None = None
    ) -> QuantumCircuit:
        """A circuit as it runs: by a user's passes, or by those that fit the simulator.

        A circuit for a device is placed and routed on it.  Elsewhere noise takes each gate as it
        is written, translated to the gates that the noise is for (level 0: an optimiser would take
        gates out, and their noise with them); a simulator without noise gets fewer gates (level 1).

        Raises:
            ValueError: an operation, or enough connected qubits, are missing.
        """
        name = str(self.backend.name)
        self._refuse_stabilizer(circuit)
        if self.device:
            refuse_missing(circuit, self.backend.operation_names, name, advice or Advice())
            refuse_parts(circuit, self.backend.target, name, advice or Advice())
        named = None if self.device else int(self.backend.num_qubits)
        return made_ready(manager or self._manager(), circuit, name, named)

    def _refuse_stabilizer(self, circuit: QuantumCircuit) -> None:
        """The one method of Aer's whose gates make no others."""
        missing = sorted(self.lacking(circuit))
        if missing and self.backend.options.method == "stabilizer":
            raise ValueError(
                "AerSimulator(method='stabilizer') runs Clifford circuits only, and this one has "
                f"{', '.join(missing)}: use method={_FIT}, or leave backend and sampler out."
            )

    def tell_entanglement(self, circuit: QuantumCircuit, advice: Advice) -> None:
        """Warns, once, of a matrix product state that nothing keeps small.

        It is for circuits whose rank is not known and whose state vector would not fit: how far
        their entanglement grows is seen only when they run, and one that grows far never ends.

        Warns:
            UserWarning: there is no bound on the rank, neither known nor set by the user.
        """
        options = self.backend.options
        bounded = options.matrix_product_state_max_bond_dimension is not None
        if self._told or bounded or options.method != "matrix_product_state":
            return
        self._told = True
        half = circuit.num_qubits // 2
        # 2^300 for all that is worse: the cube must be a number.
        worst = in_time(bond_cost(2.0 ** min(half, 300)) / 1e6)
        warn_caller(
            f"{circuit.num_qubits} qubits on a matrix product state: no bound is known on the "
            f"entanglement of this circuit. At its most, rank 2^{half}, one of its "
            f"{circuit.size():,} operations takes about {worst}: the run may never end. "
            f"{advice.narrower} Or bound the cost, which makes the result an approximation: "
            "AerSimulator(method='matrix_product_state', "
            "matrix_product_state_max_bond_dimension=64).",
            UserWarning,
        )

    def _manager(self) -> Any:
        """Qiskit's own passes for this simulator."""
        if self.device:
            return self._passes("device", 1, backend=self.backend)
        return self._passes(
            self.backend.options.method, 0 if self.noise is not None else 1, target=self.target()
        )

    def _passes(self, name: str, level: int, **options: Any) -> Any:
        if (name, level) not in self._managers:
            self._managers[name, level] = generate_preset_pass_manager(
                optimization_level=level, seed_transpiler=0, **options
            )
        return self._managers[name, level]

    def fitted(self, circuit: QuantumCircuit, method: str | None = None) -> QuantumCircuit:
        """A circuit that is ready, its gates translated where a method lacks them.

        Raises:
            ValueError: under noise, which the gates of the translation would not have.
        """
        method = method or self.backend.options.method
        self._refuse_stabilizer(circuit)
        missing = self.lacking(circuit, method)
        if not missing:
            return circuit
        if self.noise is not None:
            raise ValueError(
                f"Aer's method {method!r} lacks {', '.join(sorted(missing))}, and a translation "
                "would lose the noise of these gates: put the noise on cx and one-qubit gates, or "
                "use method='statevector'."
            )
        kept = self._fitted.setdefault(method, Kept())
        manager = self._passes(f"translation {method}", 0, target=self.target(method))
        return kept.get(circuit, lambda each: made_ready(manager, each, f"Aer's {method}"))
