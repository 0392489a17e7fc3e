"""Running programs on Aer, on any other Qiskit backend, or through a sampler."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorSampler
from qiskit_aer import AerSimulator
from torch import Tensor

from ...circuits.common.checks import check_choice, check_count
from ...circuits.common.randomness import Seed, as_generator, draw_seed
from ...circuits.execution import make_runner, settle_seed
from ...circuits.execution.aer import AerRunner, refuse_memory
from ..programs.base import Layout, Measured, Program
from .base import Executor, Gradient, Records, shifted
from .streams import Stream

# Binds of one call: keeps what Aer holds of them within a few hundred MB.
_ROWS = 2048


class QiskitExecutor(Executor):
    """One circuit, transpiled once, bound to all angles of a batch.

    Args:
        backend: an AerSimulator or any other BackendV2; Aer by default.
        sampler: any SamplerV2, in place of a backend.
        noise_model: noise for Aer.
        shots: runs a circuit; None asks Aer for exact probabilities (with noise: of a density
            matrix).
        gradient: ``"covariance"`` (the default with shots) or ``"parameter-shift"`` (the default
            without).
        layout: ``"coherent"``, ``"reuse"``, or None to choose by width.
        seed: of the simulator; a generator is advanced run by run.  Copies draw from streams of
            their own (:class:`.streams.Stream`).

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: shots < 1, exact probabilities of something that is not Aer, or both a backend
            and a sampler.
    """

    def __init__(
        self,
        *,
        backend: Any = None,
        sampler: Any = None,
        noise_model: Any = None,
        shots: int | None = None,
        gradient: Gradient | None = None,
        layout: Layout | None = None,
        seed: Seed = None,
    ) -> None:
        self._given = {"backend": backend, "sampler": sampler, "noise_model": noise_model}
        plain = isinstance(sampler, StatevectorSampler)  # Qiskit's own measures only in the end
        self._runner = make_runner(**self._given)
        aer = sampler is None and (backend is None or isinstance(backend, AerSimulator))
        if shots is None and not aer:
            raise ValueError(
                f"{self._runner.name} draws shots and has no exact probabilities: pass shots=1000, "
                "say, or backend=AerSimulator() for exact ones."
            )
        self.shots = None if shots is None else check_count(shots, "shots", minimum=1)
        if gradient is None:
            gradient = "parameter-shift" if shots is None else "covariance"
        check_choice(gradient, "gradient on Qiskit", ("covariance", "parameter-shift"))
        if layout is not None:
            check_choice(layout, "layout", ("coherent", "reuse"))
            if plain and layout == "reuse":
                raise ValueError(
                    "layout='reuse' measures and resets on the way, which StatevectorSampler "
                    "cannot do: use layout='coherent', or backend=AerSimulator()."
                )
            if shots is None and layout == "reuse":
                raise ValueError(
                    "layout='reuse' measures on the way, which has no exact probabilities: pass "
                    "shots, or layout='coherent'."
                )
        self.gradient = gradient
        self.name = self._runner.name if shots is not None else f"{self._runner.name}, exact"
        self._layout: Layout | None = layout
        simulator = self._simulator
        self._noise = None if simulator is None else simulator.options.noise_model
        known = getattr(backend, "operation_names", None)
        self._resets = aer or ((known is None or "reset" in known) and not plain)
        seed, _ = settle_seed(seed, backend=backend, sampler=sampler)
        self._stream: Stream = Stream(as_generator(seed), seeded=seed is not None)
        self._ready: dict[tuple[Program, Layout, bool], Measured] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Transpiled circuits and pass managers are made again where they are needed.
        return {**self.__dict__, "_runner": None, "_ready": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._runner = make_runner(**self._given)

    def weights(self, program: Program, angles: Tensor) -> Tensor:
        """See :meth:`Executor.weights`; gradients are those of the parameter-shift rule."""
        return shifted(program, angles, self._evaluate)

    def records(self, program: Program, angles: Tensor) -> Records:
        """See :meth:`Executor.records`."""
        if self.shots is None:
            return super().records(program, angles)
        measured = self._measured(program, shots=True)
        rows: list[int] = []
        counts: list[int] = []
        readings: list[int] = []
        rejecting = sum(1 << bit for bit in measured.flags)
        for row, counted in enumerate(self._counts(measured, angles)):
            for reading, count in counted.items():
                if not reading & rejecting:
                    rows.append(row)
                    counts.append(count)
                    readings.append(reading)
        bits = _bits(readings, measured.circuit.num_clbits)
        powers = 1 << np.arange(len(measured.outcome), dtype=np.int64)
        outcomes = bits[:, list(measured.outcome)].astype(np.int64) @ powers
        spins = 1.0 - 2.0 * bits[:, list(measured.records)]
        # Noise reaches outcomes that do not exist, such as pattern 3 of 3; they do not count.
        real = outcomes < program.num_outcomes
        place = angles.device
        return Records(
            rows=torch.as_tensor(np.array(rows, dtype=np.int64)[real], device=place),
            outcomes=torch.as_tensor(outcomes[real], device=place),
            spins=torch.as_tensor(spins[real], dtype=angles.dtype, device=place),
            counts=torch.as_tensor(np.array(counts)[real], dtype=angles.dtype, device=place),
            shots=self.shots,
        )

    def _evaluate(self, program: Program, angles: Tensor) -> Tensor:
        """Outcome weights without gradient, (B, K)."""
        if self.shots is None:
            found = self._exact(program, _numbers(angles))
            return torch.as_tensor(found, dtype=angles.dtype, device=angles.device)
        return self.records(program, angles).weights(len(angles), program.num_outcomes)

    def _counts(self, measured: Measured, angles: Tensor) -> list[dict[int, int]]:
        values = _numbers(angles)
        counted: list[dict[int, int]] = []
        assert self.shots is not None
        for start in range(0, len(values), _ROWS):
            part = values[start : start + _ROWS]
            shots = np.full(len(part), self.shots, dtype=np.int64)
            counted += self._runner.run(
                measured.circuit, measured.parameters, part, shots, self._stream.rng
            )
        return counted

    def _exact(self, program: Program, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Aer's probabilities of the outcomes together with all flags 0."""
        measured = self._measured(program, shots=False)
        outcomes = np.empty((len(values), program.num_outcomes))
        backend = self._simulator
        assert backend is not None and isinstance(self._runner, AerRunner)
        for start in range(0, len(values), _ROWS):
            part = values[start : start + _ROWS]
            result = backend.run(
                self._runner.transpiled(measured.circuit),
                parameter_binds=[
                    {p: part[:, j].tolist() for j, p in enumerate(measured.parameters)}
                ],
                shots=1,
                seed_simulator=draw_seed(self._stream.rng),
                runtime_parameter_bind_enable=True,
                **({"method": "density_matrix"} if self._noise is not None else {}),
            ).result()
            if not result.success:
                raise RuntimeError(f"Aer failed: {result.status}")
            for row, experiment in enumerate(result.results):
                # The flags are the higher bits: with all of them 0, the first entries remain.
                outcomes[start + row] = experiment.data.weights[: program.num_outcomes]
        return outcomes

    def _measured(self, program: Program, *, shots: bool) -> Measured:
        """The circuit of a program, built once."""
        layout = self._layout or self._best_layout(program, shots)
        key = (program, layout, shots)
        if key not in self._ready:
            width = program.num_qubits(layout)
            advice = _advice(program, width)
            self._runner.admit(
                width,
                advice,
                rank=program.rank if shots else None,
                simpler="layout='coherent' measures only at the end.",
            )
            if not shots:
                noisy = self._noise is not None
                refuse_memory(width, "density_matrix" if noisy else "statevector", advice)
            measured = program.circuit(layout)
            self._ready[key] = measured if shots else _unmeasured(program, measured)
        return self._ready[key]

    @property
    def _simulator(self) -> AerSimulator | None:
        """Aer, where it runs the circuits."""
        return self._runner.backend if isinstance(self._runner, AerRunner) else None

    def _best_layout(self, program: Program, shots: bool) -> Layout:
        """All shots from one state where nothing disturbs it, else the fewest qubits."""
        if not shots:
            return "coherent"
        runner, backend = self._runner, self._simulator
        quiet = backend is not None and self._noise is None and backend.coupling_map is None
        # A simulator that was told to keep a whole state may not hold this one.
        if quiet and isinstance(runner, AerRunner):
            if runner.fits(program.num_qubits(), rank=program.rank):
                return "coherent"
        return "reuse" if self._resets else "coherent"


def _advice(program: Program, width: int) -> str:
    """What to use where a circuit of this width is too wide."""
    ways = ["fewer neurons or patterns", "or the law"]
    if program.num_qubits("reuse") < width:
        ways.insert(0, "layout='reuse' with shots")
    elif program.rank is not None:
        ways.insert(0, "backend=AerSimulator(method='matrix_product_state') with shots")
    return f"Use {', '.join(ways)}."


def _unmeasured(program: Program, measured: Measured) -> Measured:
    """The coherent circuit, its final measurements replaced by Aer's exact probabilities."""
    plain: QuantumCircuit = measured.circuit.copy()
    plain.remove_final_measurements()
    wires = program.wires
    plain.save_probabilities([*wires.outcome, *wires.flags], label="weights")
    return Measured(plain, measured.parameters, (), ())


def _numbers(angles: Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = angles.detach().to("cpu", torch.float64).numpy()
    return values


def _bits(readings: list[int], width: int) -> NDArray[np.uint8]:
    """Classical bits of readings, (R, width)."""
    size = math.ceil(width / 8)
    packed = b"".join(reading.to_bytes(size, "little") for reading in readings)
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(len(readings), size)
    return np.unpackbits(rows, axis=1, bitorder="little")[:, :width]
