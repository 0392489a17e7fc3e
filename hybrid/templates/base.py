"""What all templates have in common: wires that come in named registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pennylane as qml
from pennylane.operation import Operation, Operator
from pennylane.wires import Wires, WiresLike


class Template(Operation):  # type: ignore[misc]  # PennyLane is not typed
    """An operation on registers of wires, which stand one after the other in ``op.wires``.

    What its decomposition depends on is its hyperparameters, ``num_neurons`` and the options of
    its subclass; they are also what its resources depend on.
    """

    grad_method = None
    register_sizes: ClassVar[Callable[..., dict[str, int]]]

    def _join(self, registers: Mapping[str, WiresLike], **hyperparameters: Any) -> Wires:
        """Keeps the hyperparameters, and returns the wires of all registers.

        Raises:
            ValueError: no neuron; a register of the wrong size; a wire that stands in two places.
        """
        self._hyperparameters = hyperparameters
        name = type(self).__name__
        if not hyperparameters["num_neurons"]:
            raise ValueError(f"{name} needs at least one neuron, got none.")
        joined: list[Any] = []
        for register, wanted in type(self).register_sizes(**hyperparameters).items():
            wires = Wires(registers[register]).tolist()
            if len(wires) != wanted:
                options = ", ".join(f"{key}={value}" for key, value in hyperparameters.items())
                raise ValueError(
                    f"{name} with {options} needs {wanted} wires in {register}, got {len(wires)}."
                )
            twice = [wire for wire in wires if wire in joined]
            if twice:
                raise ValueError(f"{name} needs different wires; {twice[0]!r} is in two registers.")
            joined += wires
        return Wires(joined)

    @classmethod
    def split(cls, wires: Sequence[Any], **hyperparameters: Any) -> dict[str, Any]:
        """The registers that ``wires`` is made of, by name."""
        registers, start = {}, 0
        for register, size in cls.register_sizes(**hyperparameters).items():
            registers[register] = wires[start : start + size]
            start += size
        return registers

    @classmethod
    def _unflatten(cls, data: Any, metadata: Any) -> Template:
        wires, items = metadata
        hyperparameters = dict(items)
        registers = cls.split(wires, **hyperparameters)
        # The size of a register says how many neurons there are.
        options = {key: value for key, value in hyperparameters.items() if key != "num_neurons"}
        return cls(*data, **registers, **options)

    @property
    def resource_params(self) -> dict[str, Any]:
        """What the gate counts depend on."""
        return dict(self.hyperparameters)


def register_decomposition(
    template: type[Template], resources: Callable[..., dict[Any, int]]
) -> None:
    """Makes a template's decomposition known to PennyLane's graph of decompositions."""

    def rule(*parameters: Any, wires: Any, **hyperparameters: Any) -> None:
        template.compute_decomposition(*parameters, wires=wires, **hyperparameters)

    rule.__name__ = f"_{template.__name__}_decomposition"
    qml.add_decomps(template, qml.register_resources(resources)(rule))


def check_parameter(value: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Returns a parameter as an array, or raises if it is not one of ``shape`` or a batch of those.

    Raises:
        ValueError: another shape.
    """
    if not hasattr(value, "shape"):
        value = np.asarray(value, dtype=np.float64)
    given = tuple(qml.math.shape(value))
    if len(given) - len(shape) not in (0, 1) or given[len(given) - len(shape) :] != shape:
        trailing = "".join(f", {size}" for size in shape)
        raise ValueError(
            f"{name} must have shape {shape} or, for a batch, (B{trailing or ','}); got {given}."
        )
    return value


def multiplexed_ry(
    turns: Sequence[Any],
    masks: Sequence[int],
    controls: Sequence[Any],
    target: Any,
    *,
    postselected: bool = False,
) -> list[Operator]:
    """The gates of ``Multiplexer.append`` (:mod:`qhopfield.circuits.blocks.multiplex`).

    Args:
        turns: rotations, one a mask; None leaves one out.
        masks: the multiplexer's masks, bit p standing for ``controls[p]``.
        controls: wires of the controls.
        target: the wire that turns.
        postselected: whether only a target that reads 0 counts: CZ in place of CX, and the tour
            stays open.
    """
    couple = qml.CZ if postselected else qml.CNOT
    gates: list[Operator] = []
    for control, step in _tour(
        masks, [turn is not None for turn in turns], closed=not postselected
    ):
        if step is None:
            gates.append(couple([controls[control], target]))
        else:
            gates.append(qml.RY(turns[step], target))
    return gates


def multiplexed_gates(
    present: Sequence[bool], masks: Sequence[int], *, postselected: bool = False
) -> tuple[int, int]:
    """Rotations and two-qubit gates of :func:`multiplexed_ry`."""
    steps = [step for _, step in _tour(masks, present, closed=not postselected)]
    couples = steps.count(None)
    return len(steps) - couples, couples


def _tour(
    masks: Sequence[int], present: Sequence[bool], *, closed: bool
) -> Iterator[tuple[int, int | None]]:
    """Yields (control, None) for a two-qubit gate and (0, j) for the rotation of mask j."""
    at = 0
    for step, mask in enumerate(masks):
        if present[step]:
            yield from ((control, None) for control in _members(mask ^ at))
            at = mask
            yield 0, step
    if closed:
        yield from ((control, None) for control in _members(at))


def _members(mask: int) -> list[int]:
    return [position for position in range(mask.bit_length()) if mask >> position & 1]
