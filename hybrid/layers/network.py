"""A Hopfield network of quantum neurons with trainable weights."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import array_api_compat.torch as xp
import numpy as np
import torch
from qiskit import QuantumCircuit
from torch import Tensor, nn

from ...circuits import laws
from ...circuits.common.checks import check_choice, check_count, check_flag, check_real
from ...circuits.common.cost import refuse_work
from ...circuits.models import Hopfield
from ...circuits.patterns import check_probes
from ...circuits.patterns.conversion import tell_ambiguous_probes
from ..execution import Executor
from ..programs.base import Layout
from ..programs.neuron import NeuronProgram
from .base import QuantumModule, bound_circuit, bound_qnode
from .checks import (
    as_numpy,
    at_least_single,
    check_dense,
    check_dtype,
    check_finite,
    check_index,
    full_precision,
    refuse_parameters,
    traced,
)
from .neurons import run_neurons

Update: TypeAlias = Literal["synchronous", "sequential"]


class QuantumHopfieldNetwork(QuantumModule):
    """A Hopfield network whose neurons are level-k quantum neurons, with trainable weights.

    The input is a state of spin expectations z.  Each neuron reads the other neurons as product
    states ``R_y(arccos z_j)|0>`` and answers with its mean spin, given that its blocks succeeded::

        z_i <- E[p^m - (1-p)^m] / E[p^m + (1-p)^m],   p = (1 + sin(2 gain h_i)) / 2,   m = 2^level

    over independent spins ``s_j`` of mean ``z_j`` in ``h_i = b_i + sum_j W_ij s_j``.  The answers
    are the next step's state.  With no ``device`` or ``backend`` the layer is this exact law; with
    one, each neuron is a circuit of ``num_neurons + 2^level - 1`` qubits, of the same weights.

    The circuits take expectations, so the input must lie in [-1, 1]: put a ``torch.tanh`` before
    the layer where it does not.

    Args:
        num_neurons: N, >= 2.
        level: number of nested blocks, 0..4; each level doubles the neuron's inverse temperature
            and squares what post-selection costs.
        steps: updates of the network, >= 1.
        gain: angle in radians per unit of field: ``"safe"`` (``(pi/4) / max_i (sum_j |W_ij| +
            |b_i|)`` of the current weights, so that no field folds, and only the weights' ratios
            matter), or a number > 0.  Fields beyond ``pi/4`` over the gain fold the response back;
            :attr:`reach` tells.
        bias: whether neurons have a bias.
        update: ``"synchronous"`` updates all neurons from the same state; ``"sequential"`` one
            after the other, each reading the answers before it.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        execution: how circuits run (``backend``, ``sampler``, ``noise_model``, ``shots``,
            ``gradient``, ``layout``, ``seed``): see :class:`qhopfield.hybrid.Execution`.

    Attributes:
        synapses: the weights above the diagonal, row by row, N (N - 1) / 2; trainable.
        bias: b, (N,) or None; trainable.

    Shapes:
        input: (..., N), in [-1, 1]
        output: (..., N), in [-1, 1]

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: an argument out of range, or execution keywords that exclude each other.

    Source: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240, for the neuron; its law on
    product states is this package's.

    >>> import torch
    >>> layer = QuantumHopfieldNetwork(6, level=2, steps=3)
    >>> layer(torch.zeros(5, 6)).shape
    torch.Size([5, 6])
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        num_neurons: int,
        level: int = 1,
        steps: int = 1,
        *,
        gain: Literal["safe"] | float = "safe",
        bias: bool = True,
        update: Update = "synchronous",
        device: Any = None,
        dtype: torch.dtype | None = None,
        **execution: Any,
    ) -> None:
        super().__init__(device=device, **execution)
        self.num_neurons = check_count(num_neurons, "num_neurons", minimum=2)
        refuse_parameters(num_neurons**2, {"num_neurons": num_neurons})
        self.level = check_count(level, "level", maximum=laws.MAX_LEVEL)
        self.steps = check_count(steps, "steps", minimum=1)
        self.gain = _check_gain(gain)
        check_flag(bias, "bias")
        check_dtype(dtype)
        self.update = check_choice(update, "update", ("synchronous", "sequential"))
        options: dict[str, Any] = {"device": self._factory_device, "dtype": dtype}
        pairs = num_neurons * (num_neurons - 1) // 2
        self.synapses = nn.Parameter(torch.empty(pairs, **options))
        self.register_parameter(
            "bias", nn.Parameter(torch.empty(num_neurons, **options)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights anew: uniform within ``1 / sqrt(N)``, biases 0."""
        bound = 1.0 / math.sqrt(self.num_neurons)
        nn.init.uniform_(self.synapses, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Sizes, gain and how the layer runs."""
        gain = repr(self.gain) if isinstance(self.gain, str) else f"{self.gain:g}"
        return (
            f"num_neurons={self.num_neurons}, level={self.level}, steps={self.steps}, "
            f"gain={gain}, bias={self.bias is not None}, update={self.update!r}"
            + self._execution_repr()
        )

    # The network --------------------------------------------------------------------------------

    @property
    def weights(self) -> Tensor:
        """W, symmetric with a zero diagonal, (N, N)."""
        synapses, size = self.synapses, self.num_neurons
        # Made anew each time: an index that no checkpoint holds is garbage after ``to_empty``.
        places = tuple(torch.triu_indices(size, size, 1, device=synapses.device))
        upper = synapses.new_zeros(size, size).index_put(places, synapses)
        return upper + upper.T

    @property
    def reach(self) -> Tensor:
        """The largest angle that a field turns a neuron by, in units of ``pi/4``.

        1 at the safe gain.  Above 1, the response to some states folds back.
        """
        weights, bias, gain = self._couplings()
        return gain * _field_bound(weights, bias) / (math.pi / 4.0)

    def forward(self, input: Tensor, need_acceptance: bool = False) -> Any:
        """The state after all steps.

        Args:
            input: spin expectations.
            need_acceptance: whether to return the acceptance too.

        Shapes:
            input: (..., N)
            output: (..., N)
            acceptance: (..., steps, N), the chance that a run of each neuron's circuit counts

        Raises:
            TypeError: ``input`` is no floating-point tensor.
            ValueError: a wrong shape, entries outside [-1, 1], NaN, or circuits of which no run
                counted.
        """
        self._check(input)
        return self._run(input, self.steps, check_flag(need_acceptance, "need_acceptance"))

    def energy(self, state: Tensor) -> Tensor:
        """The energy that mean-field dynamics of the same neurons lowers.

        With g the neuron's response, ``E(z) = -1/2 z W z - b z + sum_i int_0^(z_i) g^-1``, which
        is the energy of Krotov and Hopfield with the neuron's Lagrangian.  It never rises along
        the flow ``dx/dt = W g(x) + b - x``, ``z = g(x)``, nor when one neuron at a time takes
        ``z_i = g(sum_j W_ij z_j + b_i)``, as long as no field folds.  The layer's update averages
        g over spins rather than taking it at the mean field; for it the energy is a guide.

        Shapes:
            state: (..., N), in [-1, 1]
            result: (...)

        Raises:
            TypeError: ``state`` is no floating-point tensor.
            ValueError: a wrong shape, or entries outside [-1, 1].

        Source: Krotov and Hopfield 2021, arXiv:2008.06996; Hopfield 1984.
        """
        self._check(state, "state")
        with full_precision(state):
            weights, bias, gain = self._couplings()
            z = at_least_single(state).to(torch.promote_types(weights.dtype, state.dtype))
            z = z.clamp(-1.0, 1.0)
            weights, bias = weights.to(z.dtype), bias.to(z.dtype)
            # At +-1 the inverse has an infinite slope, which the Lagrangian's cancels.
            sure = z.abs() == 1.0
            inside = laws.neuron_field(torch.where(sure, 0.0, z), gain, self.level)
            fields = torch.where(sure, z.detach() * (math.pi / 4.0) / gain, inside)
            own = z * fields - laws.neuron_lagrangian(fields, gain, self.level)
            energy: Tensor = (own - z * bias - 0.5 * z * (z @ weights)).sum(-1)
            return energy

    # Storing and recalling without training -----------------------------------------------------

    @classmethod
    def store(
        cls,
        patterns: Any,
        *,
        rule: str = "hebb",
        bias: Any = None,
        level: int = 2,
        steps: int = 3,
        gain: Literal["safe", "typical"] | float = "safe",
        update: Update = "synchronous",
        device: Any = None,
        dtype: torch.dtype | None = None,
        **execution: Any,
    ) -> QuantumHopfieldNetwork:
        """A network that stores patterns by a learning rule, ready to recall, or to train further.

        Args:
            patterns: the +-1 patterns.
            rule: ``"hebb"``, ``"storkey"`` or ``"projection"``.
            bias: b, zero when left out.
            level: see the class.
            steps: see the class.
            gain: ``"safe"``, a number, or ``"typical"``: a number set by the fields near the
                patterns (rarer, larger ones fold).
            update: see the class.
            device: see the class.
            dtype: see the class.
            execution: see the class.

        Shapes:
            patterns: (M, N)
            bias: (N,)

        Raises:
            TypeError: patterns or bias that are not real numbers.
            ValueError: malformed patterns, an unknown rule, or weights that are all zero.

        >>> network = QuantumHopfieldNetwork.store([[1, 1, 1, -1, -1, -1], [1, -1, 1, -1, 1, -1]])
        >>> network.recall([1, 1, 1, -1, -1, 1]).sign()
        tensor([ 1.,  1.,  1., -1., -1., -1.])
        """
        model = Hopfield.store(_array(patterns, "patterns"), rule=rule, bias=_array(bias, "bias"))
        if isinstance(gain, str) and gain == "typical":
            gain = laws.safe_gain(model.typical_field())
        layer = cls(
            model.num_neurons,
            level,
            steps,
            gain=gain,
            update=update,
            device=device,
            dtype=dtype,
            **execution,
        )
        rows, columns = torch.triu_indices(model.num_neurons, model.num_neurons, 1)
        with torch.no_grad():
            layer.synapses.copy_(torch.tensor(model.weights)[rows, columns])
            assert layer.bias is not None
            layer.bias.copy_(torch.tensor(model.bias))
        return layer

    def recall(self, probes: Any, *, steps: int | None = None) -> Tensor:
        """The state that the network reaches from probes, without gradients.

        Args:
            probes: expectations of the spins; 0 is an erased entry.
            steps: updates; those of the layer by default.

        Shapes:
            probes: (P, N) or (N,)
            result: as ``probes``; its signs are the recalled patterns

        Raises:
            TypeError: probes that are not real numbers.
            ValueError: malformed probes, or ``steps`` < 1.
        """
        steps = self.steps if steps is None else check_count(steps, "steps", minimum=1)
        numbers = _array(probes, "probes")
        checked = check_probes(numbers, self.num_neurons)
        tell_ambiguous_probes(checked)
        rows = torch.as_tensor(checked).to(self.synapses)
        with torch.no_grad():
            state: Tensor = self._run(rows, steps, False)
        return state[0] if np.ndim(numbers) == 1 else state

    def model(self) -> Hopfield:
        """The same network as a model of ``qhopfield.circuits``, for ``recall`` and the like.

        Raises:
            ValueError: weights that are all zero.
        """
        bias = None if self.bias is None else _array(self.bias.double())
        return Hopfield(_array(self.weights.double()), bias)

    # Its circuits -------------------------------------------------------------------------------

    @property
    def program(self) -> NeuronProgram:
        """What one neuron runs, with its angles open."""
        return NeuronProgram(self.num_neurons - 1, self.level)

    def circuit(
        self, state: Tensor, *, neuron: int = 0, layout: Layout = "coherent"
    ) -> QuantumCircuit:
        """The circuit of one update of one neuron, measured, for any Qiskit backend.

        The bit ``spin`` is the neuron's new state, 0 for +1; a run counts where all bits of
        ``rejected`` are 0; ``read`` holds the inputs as they were measured.

        Args:
            state: spin expectations, one state.
            neuron: which neuron.
            layout: ``"coherent"`` (an ancilla a block) or ``"reuse"`` (one a level, measured on
                the way).

        Shapes:
            state: (N,)

        Raises:
            IndexError: no such neuron.
            TypeError: ``state`` is no floating-point tensor.
            ValueError: a wrong shape, entries outside [-1, 1], or an unknown layout.
        """
        return bound_circuit(self.program, self._bound(state, neuron), layout)

    def qnode(
        self,
        state: Tensor,
        *,
        neuron: int = 0,
        device: Any = "default.qubit",
        shots: int | None = None,
    ) -> Any:
        """The PennyLane QNode of one update of one neuron: a function of the circuit's angles.

        It returns the probabilities of the ancillas (most significant) and the output; the first
        two are un-normalised, of spin +1 and -1.  Arguments as in :meth:`circuit`.

        Returns:
            The QNode and its angles: ``node(angles)``, ``qml.draw(node)(angles)``.
        """
        return bound_qnode(self.program, self._bound(state, neuron), device, shots)

    # Inside -------------------------------------------------------------------------------------

    def _couplings(self) -> tuple[Tensor, Tensor, Tensor | float]:
        """W, b and the gain, in single precision or better."""
        weights = at_least_single(self.weights)
        bias = weights.new_zeros(self.num_neurons) if self.bias is None else self.bias
        bias = at_least_single(bias)
        if isinstance(self.gain, float):
            return weights, bias, self.gain
        bound = _field_bound(weights, bias)
        return weights, bias, (math.pi / 4.0) / bound.clamp(min=torch.finfo(bound.dtype).eps)

    def _run(self, state: Tensor, steps: int, need_acceptance: bool) -> Any:
        everyone = tuple(range(self.num_neurons))
        groups = [everyone] if self.update == "synchronous" else [(i,) for i in everyone]
        # An update takes at least some ten operations of torch, a microsecond or two each.
        refuse_work(
            2e-5 * steps * len(groups),
            f"{steps:,} steps of {len(groups)} updates",
            "Use fewer steps: a state that can settle does so after a few.",
        )
        acceptances = []
        with full_precision(state):
            weights, bias, gain = self._couplings()
            z = at_least_single(state).to(torch.promote_types(weights.dtype, state.dtype))
            weights, bias = weights.to(z.dtype), bias.to(z.dtype)
            for _ in range(steps):
                parts = []
                for group in groups:
                    new, acceptance = self._updated(z, group, weights, bias, gain)
                    parts.append(acceptance)
                    if len(groups) == 1:
                        z = new
                    else:
                        (i,) = group
                        z = torch.cat([z[..., :i], new, z[..., i + 1 :]], dim=-1)
                acceptances.append(torch.cat(parts, dim=-1))
        output = z.to(state.dtype)
        if not need_acceptance:
            return output
        return output, torch.stack(acceptances, dim=-2).to(state.dtype)

    def _updated(
        self,
        z: Tensor,
        group: tuple[int, ...],
        weights: Tensor,
        bias: Tensor,
        gain: Tensor | float,
    ) -> tuple[Tensor, Tensor]:
        """New expectations and acceptances of some neurons, (..., neurons) each."""
        executor: Executor | None = self.executor
        if executor is not None:
            return run_neurons(executor, self.program, z, group, weights, bias, gain)
        if len(group) < self.num_neurons:
            (i,) = group
            weights, bias = weights[i : i + 1], bias[i : i + 1]
        found: tuple[Tensor, Tensor] = laws.product_neuron(
            weights, bias, gain, z, self.level, xp=xp
        )
        return found

    def _bound(self, state: Tensor, neuron: int) -> Tensor:
        """The angles of one update of one neuron."""
        neuron = check_index(neuron, "neuron", self.num_neurons)
        check_dense(state, "state")
        if state.dim() != 1:
            raise ValueError(
                f"state must be one state, ({self.num_neurons},); got {tuple(state.shape)}."
            )
        self._check(state, "state")
        others = [j for j in range(self.num_neurons) if j != neuron]
        with torch.no_grad():
            weights, bias, gain = self._couplings()
            return self.program.angles(
                state[others].to(weights), weights[neuron, others], bias[neuron], gain
            )

    def _check(self, state: Any, name: str = "input") -> None:
        """Refuses what is no state of spin expectations."""
        check_dense(state, name)
        if state.device != self.synapses.device:
            raise ValueError(
                f"{name} is on {state.device} and the layer on {self.synapses.device}; move one of "
                "them with .to()."
            )
        if state.dim() == 0 or state.shape[-1] != self.num_neurons:
            raise ValueError(
                f"{name} must have shape (..., {self.num_neurons}), one entry a neuron; "
                f"got {tuple(state.shape)}."
            )
        check_finite(state, name)
        if traced(state) or not state.numel():
            return
        size = state.detach().abs()
        # An expectation that was computed may exceed 1 by rounding.
        if bool(size.max() > 1.0 + 16.0 * torch.finfo(state.dtype).eps):
            place = tuple(int(i) for i in torch.nonzero(size == size.max())[0])
            raise ValueError(
                f"{name} must lie in [-1, 1] (expectations of the spins); got "
                f"{state[place].item():g} at {place}. Put a torch.tanh or a clamp before the layer."
            )


def _field_bound(weights: Tensor, bias: Tensor) -> Tensor:
    """``max_i (sum_j |W_ij| + |b_i|)``."""
    return (weights.abs().sum(-1) + bias.abs()).max()


def _check_gain(gain: Any) -> str | float:
    if not isinstance(gain, str):
        return check_real(gain, "gain", minimum=0.0, exclusive=True)
    if gain == "typical":
        raise ValueError(
            "gain='typical' is set by stored patterns: use QuantumHopfieldNetwork.store(patterns, "
            "gain='typical'), gain='safe', or a number."
        )
    return check_choice(gain, "gain", ("safe",))


def _array(values: Any, name: str = "weights") -> Any:
    """A tensor as an array; anything else as it is."""
    return as_numpy(values, name) if isinstance(values, Tensor) else values
