"""Noise without effect: errors of a noise model that no operation of a circuit gets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

_READING, _RESET, _OTHER = "read-out", "reset", "other operations"
_ONE, _MANY = "one-qubit gates", "gates on two and more qubits"


@dataclass(frozen=True)
class _Error:
    """One error of a noise model, on operations that share it."""

    names: frozenset[str]
    qubits: tuple[tuple[int, ...], ...] | None
    kind: str

    def acts(self, names: frozenset[str], qubits: tuple[int, ...]) -> bool:
        """Whether an operation gets it."""
        return bool(self.names & names) and (self.qubits is None or qubits in self.qubits)

    def __str__(self) -> str:
        listed = ", ".join(sorted(self.names))
        if self.qubits is None:
            return listed
        places = ", ".join(str(each[0]) if len(each) == 1 else str(each) for each in self.qubits)
        return f"{listed} (on qubits {places})"


@dataclass(frozen=True)
class _Used:
    """One operation of a circuit, on the qubits that it acts on."""

    names: frozenset[str]
    qubits: tuple[int, ...]
    kind: str


class NoiseEffect:
    """Watches whether the noise of a model reaches the circuits that run.

    Args:
        noise: the model.
    """

    def __init__(self, noise: NoiseModel) -> None:
        self._errors = _errors(noise)
        self._reached: set[_Error] = set()
        self._seen: set[str] = set()
        self._told: set[str] = set()

    def look(self, circuit: QuantumCircuit) -> None:
        """Warns where a circuit, ready to run, has gates like those of the noise, and none of it.

        A circuit without such gates is no fault: a method may have several circuits.  What they
        have all been without is told by :meth:`close`.
        """
        used = set(_walk(circuit, tuple(range(circuit.num_qubits))))
        self._seen |= {next(iter(each.names)) for each in used if len(each.names) == 1}
        reached = {
            error for error in self._errors for each in used if error.acts(each.names, each.qubits)
        }
        self._reached |= reached
        present = {each.kind for each in used}
        for kind in (_ONE, _MANY, _READING):
            errors = [error for error in self._errors if error.kind == kind]
            if errors and kind in present and not self._reached.intersection(errors):
                names = {name for each in used if each.kind == kind for name in each.names}
                self._warn(errors, f"the {kind} of the circuit are", names)
        self._strangers(used)
        self._gaps(used)

    def close(self) -> None:
        """Warns if none of the noise has reached any circuit so far."""
        if self._errors and self._seen and not self._reached:
            self._warn(self._errors, "the circuits have", self._seen)

    def _strangers(self, used: set[_Used]) -> None:
        """Names that no gate of Qiskit or Aer has, and no gate of the circuit as a label."""
        known = {*get_standard_gate_name_mapping(), *AerSimulator().operation_names, "delay"}
        labels = {name for each in used for name in each.names}
        for error in self._errors:
            if not error.names & (known | labels):
                self._tell(
                    f"The noise model puts noise on {error}, a name that no gate has: it has no "
                    "effect. Qiskit's gates are called 'cx', 'cz', 'rzz', 'sx', ..."
                )

    def _gaps(self, used: set[_Used]) -> None:
        """Gates between qubits for which the model has no error, though it has for other pairs."""
        for name in sorted({name for each in used if each.kind == _MANY for name in each.names}):
            errors = [each for each in self._errors if each.kind == _MANY and name in each.names]
            pairs = {place for error in errors for place in error.qubits or ()}
            if len(pairs) < 2 or any(error.qubits is None for error in errors):
                continue
            places = {each.qubits for each in used if name in each.names}
            free = sorted(places - pairs)
            if free and len(free) < len(places):
                self._tell(
                    f"The noise of {name} is given for {len(pairs)} pairs of qubits, and the "
                    f"circuit runs it on others too, without noise: {free[0]}, for one. A noise "
                    "model of a device goes with its couplings: use "
                    "backend=AerSimulator.from_backend(device)."
                )

    def _warn(self, errors: Sequence[_Error], where: str, names: set[str]) -> None:
        listed = "; ".join(sorted({str(error) for error in errors})[:4])
        self._tell(
            f"Noise without effect: the noise model puts noise on {listed}, and {where} "
            f"{', '.join(sorted(names))}. Put noise on gates that the circuit has, or "
            "name the gates that it is to be translated to: NoiseModel(basis_gates=[...])."
        )

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            warnings.warn(message, UserWarning, stacklevel=2)


def _errors(noise: NoiseModel) -> tuple[_Error, ...]:
    """The errors of a model, those that were put on several operations at once together."""
    grouped: dict[tuple[str, tuple[tuple[int, ...], ...] | None, str], set[str]] = {}
    for each in noise.to_dict()["errors"]:
        places = each.get("gate_qubits")
        qubits = None if places is None else tuple(sorted(tuple(place) for place in places))
        if each["type"] == "roerror":
            # All read-outs count as one.
            key = ("", qubits, _READING)
            grouped.setdefault(key, set()).add("measure")
            continue
        width = 1 + max(
            (qubit for parts in each["instructions"] for part in parts for qubit in part["qubits"]),
            default=0,
        )
        for name in each["operations"]:
            kind = {"measure": _READING, "reset": _RESET, "delay": _OTHER}.get(
                name, _ONE if width == 1 else _MANY
            )
            identity = str(each["id"]) if qubits is None else f"{name} {width}"
            grouped.setdefault((identity, qubits, kind), set()).add(name)
    return tuple(
        _Error(frozenset(names), qubits, kind) for (_, qubits, kind), names in grouped.items()
    )


def _walk(circuit: QuantumCircuit, places: tuple[int, ...]) -> Iterator[_Used]:
    """All operations of a circuit, those inside loops and branches too."""
    index = {qubit: place for qubit, place in zip(circuit.qubits, places, strict=True)}
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = tuple(index[qubit] for qubit in instruction.qubits)
        blocks = getattr(operation, "blocks", ())
        for block in blocks:
            yield from _walk(block, qubits)
        if blocks or operation.name == "barrier":
            continue
        label = getattr(operation, "label", None)
        names = frozenset({operation.name, label} if label else {operation.name})
        kind = {"measure": _READING, "reset": _RESET}.get(operation.name, _OTHER)
        if isinstance(operation, Gate):
            kind = _ONE if len(qubits) == 1 else _MANY
        yield _Used(names, qubits, kind)
