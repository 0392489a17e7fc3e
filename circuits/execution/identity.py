"""What tells devices, samplers, noise and pass managers apart, for fingerprints.

Their classes belong to other packages and keep caches, handles and random states beside their
settings; here stands what their answers depend on.
"""

from __future__ import annotations

import dis
from types import FunctionType, MethodType
from typing import Any

from qiskit.circuit import Gate, Instruction, ParameterExpression, QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.passmanager.base_tasks import BaseController, Task
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2, Options, QubitProperties
from qiskit.transpiler import CouplingMap, InstructionProperties, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, QuantumError

from ..common.identity import belongs_to_a_package, describe_as, fields_of, fingerprint


def _target(target: Target | None) -> Any:
    """Gates with the qubits that they are for, their errors and durations."""
    if target is None:
        return None
    return {
        "qubits": target.num_qubits,
        "properties": target.qubit_properties,
        "timing": (
            target.dt,
            target.granularity,
            target.min_length,
            target.pulse_alignment,
            target.acquire_alignment,
        ),
        "gates": {
            name: (
                target.operation_from_name(name),
                None if target[name] is None else dict(target[name]),
            )
            for name in target.operation_names
        },
    }


def _backend(backend: BackendV2) -> Any:
    """Name, options and target; of a class that is no package's, all that it holds as well."""
    held: dict[str, Any] = {}
    if not belongs_to_a_package(type(backend)):
        package = next(each for each in type(backend).__mro__ if belongs_to_a_package(each))
        held = {
            name: value
            for name, value in fields_of(backend).items()
            if name not in _package_names(package)
        }
    options = dict(backend.options.__dict__)
    if not isinstance(backend, AerSimulator) and options.get("noise_model") is not None:
        # A fake device notes there, when it first runs, what follows from its target.
        follows = fingerprint(NoiseModel.from_backend(backend))
        if fingerprint(options["noise_model"]) == follows:
            options["noise_model"] = None
    return {
        "name": backend.name,
        "version": backend.backend_version,
        "options": options,
        # The target of a simulator follows from its options, which name many more.
        "target": None
        if type(backend) is AerSimulator and not backend.coupling_map
        else (backend.target),
        "held": held,
    }


def _package_names(kind: type) -> frozenset[str]:
    """Attributes that a package's classes set: results of target and options, handles, caches."""
    codes = [
        function.__code__
        for each in kind.__mro__
        for function in vars(each).values()
        if isinstance(function, FunctionType)
    ]
    return frozenset(
        str(step.argval)
        for code in codes
        for step in dis.get_instructions(code)
        if step.opname == "STORE_ATTR"
    )


def _sampler(sampler: BaseSamplerV2) -> Any:
    """Its settings, its seed and the backend behind it."""
    return fields_of(sampler)


def _error(error: QuantumError) -> Any:
    return error.circuits, list(error.probabilities)


def _circuit(circuit: QuantumCircuit) -> Any:
    """Operations and what they act on; the names of circuits and registers count up."""
    qubits = {bit: number for number, bit in enumerate(circuit.qubits)}
    bits = {bit: number for number, bit in enumerate(circuit.clbits)}
    return {
        "bits": (len(qubits), len(bits), [len(register) for register in circuit.cregs]),
        "phase": circuit.global_phase,
        "operations": [
            (
                each.operation,
                [qubits[bit] for bit in each.qubits],
                [bits[bit] for bit in each.clbits],
            )
            for each in circuit.data
        ],
    }


# What Qiskit's passes keep beside their settings: a hash that is another in every process, what
# they found out while they ran, and the text of an error.
_FOUND = ("_hash", "property_set", "_state", "msg")


def _task(task: Any) -> Any:
    """The settings of a pass or a controller; what it found out in a run is none."""
    own = not belongs_to_a_package(type(task))
    hidden = _FOUND[:2] if own else _FOUND
    fields = {name: value for name, value in fields_of(task).items() if name not in hidden}
    return fields if own else {name: _unordered(value) for name, value in fields.items()}


def _unordered(value: Any) -> Any:
    """A pass's setting; names of gates come from sets, in another order in every process."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return sorted(value)
    owner = value.__self__ if isinstance(value, MethodType) else None
    if owner is not None and not isinstance(owner, Task) and belongs_to_a_package(type(owner)):
        held = fields_of(owner)
        return value.__func__, {name: _unordered(each) for name, each in held.items()}
    if not str(type(value).__module__).startswith("qiskit._accelerate"):
        return value
    try:
        reduced = value.__reduce_ex__(4)
    except TypeError:  # the error of what cannot be told apart says more
        return value
    if isinstance(reduced, str):
        return value
    parts = [part if isinstance(part, tuple) else (part,) for part in reduced[1:3]]
    return [_unordered(each) for part in parts for each in part]


def _instruction(operation: Instruction) -> Any:
    return (
        operation.base_class,
        operation.name,
        operation.num_qubits,
        operation.num_clbits,
        operation.label,
        list(operation.params),
        # What a gate without a class of its own does stands in its definition.
        operation.definition if type(operation) in (Gate, Instruction) else None,
        str(getattr(operation, "condition", None)),
    )


def _properties(properties: InstructionProperties) -> Any:
    return properties.duration, properties.error


def _qubit(properties: QubitProperties) -> Any:
    return properties.t1, properties.t2, properties.frequency


for _kind, _describe in (
    (Options, lambda options: dict(options.__dict__)),
    (Target, _target),
    (CouplingMap, lambda coupling: (coupling.size(), sorted(coupling.get_edges()))),
    (InstructionProperties, _properties),
    (QubitProperties, _qubit),
    (Instruction, _instruction),
    (ParameterExpression, str),
    (QuantumCircuit, _circuit),
    (QuantumError, _error),
    (BackendV2, _backend),
    (BaseSamplerV2, _sampler),
    (BasePassManager, _task),
    (Task, _task),
    (BaseController, _task),
):
    describe_as(_kind, _describe)
