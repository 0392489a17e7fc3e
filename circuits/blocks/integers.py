"""Local fields as integers: what the exact threshold neuron adds up and compares with zero.

A field times a scale is an integer ``T(s)`` for Hebbian weights (scale N) and for polynomial
separation functions; other models are rounded to a stated number of bits and the largest error of
a field is reported.  The values that T takes lie on a lattice ``T = G v + r``: the register holds
``v``, and where ``T = 0`` can happen the neuron's own bit is subtracted, so that the sign bit is
the neuron's new bit and a tie keeps the old one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..models import DenseAssociativeMemory, Hopfield, Model
from ..models.separation import SeparationFunction


@dataclass(frozen=True)
class Quantization:
    """How the fields of a model became integers.

    Attributes:
        scale: integers per unit of field.
        bits: bits a weight was rounded to, or None where nothing was rounded.
        error: the largest possible difference between a field and its integer over ``scale``,
            in units of field; 0 where nothing was rounded.
        register: qubits of the sum register.
    """

    scale: float
    bits: int | None
    error: float
    register: int


@dataclass(frozen=True)
class RegisterSum:
    """What one neuron's register adds up: ``constant + sum_j coefficients_j x_j`` over bits x.

    For a dense model the sum runs over patterns instead: ``tables[mu][d_mu]``, d_mu being the
    distance between pattern mu and the other neurons' state.
    """

    constant: int
    coefficients: NDArray[np.int64]
    tables: NDArray[np.int64] | None
    width: int


class IntegerFields:
    """The integer fields of every neuron of a model.

    Args:
        model: the memory.
        bits: bits a weight (or a value of the separation function) is rounded to when the model's
            fields are not integers by themselves.

    Raises:
        TypeError: another kind of model.
        ValueError: the integers would not fit 53 bits, or all weights round to zero.
    """

    def __init__(self, model: Model, bits: int) -> None:
        if not isinstance(model, (Hopfield, DenseAssociativeMemory)):
            raise TypeError(
                f"A threshold neuron needs a Hopfield or DenseAssociativeMemory, got {model!r}."
            )
        self._source = model
        exact = model.integer_scale
        if isinstance(model, Hopfield):
            peak = float(max(np.abs(model.weights).max(), np.abs(model.bias).max()))
            self.scale = float(exact) if exact is not None else (2 ** (bits - 1) - 1) / peak
            weights = np.rint(self.scale * model.weights)
            bias = np.rint(self.scale * model.bias)
            if (np.abs(weights).sum(axis=1) + np.abs(bias)).max() >= 2.0**53:
                raise ValueError(
                    f"The integer field of {model!r} needs more than 53 bits, where float64 skips "
                    "integers; use a RUSNeuron, or smaller weights."
                )
            if not weights.any():
                raise ValueError(
                    f"All weights round to zero at {bits} bits beside the bias, whose largest is "
                    f"{peak:g}; use ThresholdNeuron(bits=...) with more bits, or a RUSNeuron."
                )
            self._weights, self._bias = weights.astype(np.int64), bias.astype(np.int64)
            lost = np.abs(model.weights - weights / self.scale).sum(axis=1)
            error = float(np.max(lost + np.abs(model.bias - bias / self.scale)))
            self.model: Model = (
                model
                if exact is not None
                else Hopfield(weights / self.scale, bias / self.scale, patterns=model.patterns)
            )
        else:
            distances = np.arange(model.num_neurons)
            half = model.separation.difference(model.num_neurons - 1.0 - 2.0 * distances) / 2.0
            peak = float(np.abs(half).max())
            self.scale = float(exact) if exact is not None else (2 ** (bits - 1) - 1) / peak
            table = np.rint(self.scale * half)
            self._table = table.astype(np.int64)
            error = float(len(model.patterns) * np.abs(half - table / self.scale).max())
            self.model = (
                model
                if exact is not None
                else DenseAssociativeMemory(
                    model.patterns, separation=_Rounded(model.separation, self.scale)
                )
            )
        self.sums = tuple(self._sum(neuron) for neuron in range(model.num_neurons))
        lattices = [self._lattice(neuron) for neuron in range(model.num_neurons)]
        self._lattices = np.array([each[0] for each in lattices], dtype=float)
        self._remainders = np.array([each[1] for each in lattices], dtype=float)
        self._ties = np.array([each[2] for each in lattices])
        self.quantization = Quantization(
            scale=self.scale,
            bits=None if exact is not None else bits,
            error=0.0 if exact is not None else error,
            register=max(each.width for each in self.sums),
        )

    def register_values(
        self,
        neurons: int | NDArray[np.int64],
        field: NDArray[np.float64],
        spins: NDArray[np.int8],
    ) -> NDArray[np.float64]:
        """What the register holds, its sign being the answer.

        Args:
            neurons: the neuron, or one for each entry.
            field: fields of :attr:`model`, (T,), in units of field.
            spins: the neurons' own spins, (T,).

        Returns:
            Whole numbers, (T,).
        """
        values = (np.rint(self.scale * field) - self._remainders[neurons]) // self._lattices[
            neurons
        ]
        return np.asarray(values - (self._ties[neurons] & (spins < 0)))

    def _terms(self, neuron: int) -> tuple[int, NDArray[np.int64], int, int]:
        """T at its origin, its possible steps, its least and its greatest value."""
        if isinstance(self._source, Hopfield):
            row, bias = self._weights[neuron], int(self._bias[neuron])
            reach = int(np.abs(row).sum())
            return int(row.sum()) + bias, 2 * row, bias - reach, bias + reach
        tables = self._signed_tables(neuron)
        return (
            int(tables[:, 0].sum()),
            (tables - tables[:, :1]).ravel(),
            int(tables.min(axis=1).sum()),
            int(tables.max(axis=1).sum()),
        )

    def _signed_tables(self, neuron: int) -> NDArray[np.int64]:
        patterns = self._source.patterns
        assert patterns is not None  # a dense memory always has patterns
        return patterns[:, neuron].astype(np.int64)[:, None] * self._table[None, :]

    def _lattice(self, neuron: int) -> tuple[int, int, bool]:
        origin, steps, _, _ = self._terms(neuron)
        lattice = int(np.gcd.reduce(steps)) if np.any(steps) else 1
        remainder = origin % lattice
        return lattice, remainder, remainder == 0

    def _sum(self, neuron: int) -> RegisterSum:
        lattice, remainder, tie = self._lattice(neuron)
        origin, _, least, greatest = self._terms(neuron)
        lowest = (least - remainder) // lattice - int(tie)
        highest = (greatest - remainder) // lattice
        width = 1 + max(highest.bit_length(), (-lowest - 1).bit_length() if lowest < 0 else 0)
        num_neurons = self._source.num_neurons
        coefficients = np.zeros(num_neurons, dtype=np.int64)
        tables = None
        if isinstance(self._source, Hopfield):
            coefficients -= 2 * self._weights[neuron] // lattice
            constant = (origin - remainder) // lattice
        else:
            signed = self._signed_tables(neuron)
            tables = (signed - signed[:, :1]) // lattice
            constant = (origin - remainder) // lattice
        coefficients[neuron] = -int(tie)
        return RegisterSum(constant, coefficients, tables, width)


@dataclass(frozen=True)
class _Rounded(SeparationFunction):
    """A separation function whose half differences were rounded to multiples of 1/scale."""

    exact: SeparationFunction
    scale: float

    @property
    def name(self) -> str:
        return f"rounded {self.exact.name}"

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        return self.exact(x)

    def difference(self, h: ArrayLike) -> NDArray[np.float64]:
        return 2.0 * np.rint(self.scale * self.exact.difference(h) / 2.0) / self.scale
