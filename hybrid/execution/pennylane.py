"""Running programs on a PennyLane device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...circuits.common.checks import check_choice, check_count, shown
from ...circuits.common.randomness import Seed, as_generator, draw_seed
from ...circuits.execution.aer import refuse_memory
from ..programs.base import Program
from .base import Executor, Gradient, once, shifted
from .streams import Stream

# Amplitudes of one broadcast call: 64 MiB of complex numbers.
_AMPLITUDES = 1 << 22
# What differentiates exactly and in one go.
_METHODS = {
    "default.qubit": "backprop",
    "lightning.qubit": "adjoint",
    "lightning.gpu": "adjoint",
    "lightning.kokkos": "adjoint",
    "lightning.amdgpu": "adjoint",
}


class PennyLaneExecutor(Executor):
    """One QNode a program, broadcast over all angles of a batch.

    Args:
        device: a device's name, such as ``"default.qubit"``, or a device; a device with wires of
            its own must have as many as the circuit.
        shots: runs a circuit; None is analytic.
        gradient: ``"device"`` (backpropagation on default.qubit, the adjoint method on Lightning,
            parameter shift on others) or ``"parameter-shift"``.
        seed: of a device that is made here.  Copies make devices of their own, with other seeds; a
            device that was given is shared by all copies.

    Raises:
        TypeError: ``device`` is neither a name nor a device.
        ValueError: no such device, shots < 1, a gradient that needs single shots, or a seed for a
            device that takes none.
    """

    def __init__(
        self,
        device: Any = "default.qubit",
        *,
        shots: int | None = None,
        gradient: Gradient | None = None,
        seed: Seed = None,
    ) -> None:
        self.name = device if isinstance(device, str) else str(getattr(device, "name", device))
        self.shots = None if shots is None else check_count(shots, "shots", minimum=1)
        gradient = gradient or "device"
        if gradient == "covariance" and shots is not None:
            raise ValueError(
                "gradient='covariance' with shots reads single shots, which the Qiskit backends "
                "keep; on PennyLane with shots use 'device' or 'parameter-shift'."
            )
        check_choice(gradient, "gradient on PennyLane", ("covariance", "device", "parameter-shift"))
        self.gradient = gradient
        self._device = device
        self._stream: Stream = Stream(as_generator(seed), seeded=seed is not None)
        if seed is not None and not isinstance(device, str):
            raise ValueError(
                f"seed= is for a device that is made here, and {self.name} is made already: give "
                "it a seed of its own, or pass the device's name."
            )
        if not isinstance(device, str) and not hasattr(device, "wires"):
            raise TypeError(
                "device must be a PennyLane device or the name of one, such as 'default.qubit'; "
                f"got {shown(device)} ({type(device).__name__})."
            )
        self._made: Any = None if isinstance(device, str) else device
        if isinstance(device, str):
            self.device  # noqa: B018  # an unknown name is refused here and now

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if isinstance(self._device, str):
            state["_made"] = None  # made again when it is needed
        return state

    @property
    def device(self) -> Any:
        """The PennyLane device."""
        if self._made is None:
            from .. import templates  # noqa: F401  # says so where PennyLane is missing
            import pennylane as qml  # isort: skip

            seeded = self._stream.seeded
            options = {"seed": draw_seed(self._stream.rng)} if seeded else {}
            try:
                self._made = qml.device(self._device, **options)
            except TypeError as error:
                if not options:
                    raise
                raise ValueError(f"{self._device} takes no seed; leave seed= out.") from error
            except qml.exceptions.DeviceError as error:
                raise ValueError(
                    f"PennyLane has no device {self._device!r}: {error} Devices that come with it "
                    "are 'default.qubit' and 'lightning.qubit'."
                ) from error
        return self._made

    def qnode(self, program: Program) -> Any:
        """The QNode of a program: angles ``(A,)`` or ``(B, A)`` in, outcome weights out.

        Raises:
            ValueError: the device has too few wires.
        """
        import pennylane as qml

        device, wires = self.device, program.wires
        if device.wires is not None and len(device.wires) < wires.total:
            raise ValueError(
                f"The circuit needs {wires.total} wires and {self.name} has {len(device.wires)}; "
                "leave the wires off the device, or give it as many."
            )
        if self.name in _METHODS:
            refuse_memory(
                wires.total,
                "statevector",
                "Use fewer neurons or patterns, layout='reuse' on Aer with shots, or the law.",
            )
        method = self._method()
        # Most significant first: with all flags 0 the outcome's number is the position.
        read = [*wires.flags, *reversed(wires.outcome)]
        names = range(wires.total) if device.wires is None else device.wires.tolist()
        place = dict(zip(range(wires.total), names, strict=False))

        if method == "adjoint":
            # The adjoint method knows expectations only.
            states = [
                [0] * len(wires.flags)
                + [k >> bit & 1 for bit in reversed(range(len(wires.outcome)))]
                for k in range(program.num_outcomes)
            ]

            def circuit(angles: Any) -> Any:
                program.apply(angles)
                return [qml.expval(qml.Projector(state, wires=read)) for state in states]
        else:

            def circuit(angles: Any) -> Any:
                program.apply(angles)
                return qml.probs(wires=read)

        if device.wires is not None and device.wires.tolist() != list(range(len(device.wires))):
            circuit = qml.map_wires(circuit, place)
        node = qml.QNode(circuit, device, interface="torch", diff_method=method)
        return node if self.shots is None else qml.set_shots(node, self.shots)

    def weights(self, program: Program, angles: Tensor) -> Tensor:
        """See :meth:`Executor.weights`."""
        if self._method() is None:
            return shifted(program, angles, self._evaluate)
        return self._run(program, angles)

    def _evaluate(self, program: Program, angles: Tensor) -> Tensor:
        with torch.no_grad():
            return self._run(program, angles.detach())

    def _run(self, program: Program, angles: Tensor) -> Tensor:
        """Outcome weights, (B, K), as many circuits at once as fit."""
        node = self.qnode(program)
        # Simulators here are double precision; a layer's own is restored.
        inside = angles.to("cpu", torch.float64)
        rows = max(1, _AMPLITUDES >> program.wires.total)
        parts = []
        for start in range(0, len(inside), rows):
            part = inside[start : start + rows]
            found = node(part)
            if isinstance(found, (list, tuple)):
                found = torch.stack([each.reshape(len(part)) for each in found], dim=-1)
            parts.append(found.reshape(len(part), -1)[:, : program.num_outcomes])
        if not parts:
            return angles.sum(-1, keepdim=True).expand(0, program.num_outcomes)  # keeps the graph
        weights = torch.cat(parts).to(angles)
        # Its second derivatives by the adjoint method would be 0, without a word.
        adjoint = self._method() == "adjoint" and weights.requires_grad
        return once(weights, f"The adjoint method of {self.name}") if adjoint else weights

    def _method(self) -> str | None:
        """How PennyLane differentiates; None where the shifts are made here."""
        if self.gradient == "parameter-shift" or self.shots is not None:
            return None
        # PennyLane's choice elsewhere is backpropagation on default.mixed, which gives NaN (0.45),
        # or its own parameter-shift rule, which refuses broadcast circuits.
        return _METHODS.get(self.name)
