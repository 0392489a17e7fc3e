"""Block dynamics: a Hopfield network split into blocks of neurons that are updated in parallel."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from ..blocks.cost import circuit_cost
from ..blocks.neurons import Neuron, PreparedNeuron, RUSNeuron
from ..common.checks import check_choice, check_real, settle
from ..models import Hopfield, Model
from ..patterns import check_probes
from .base import Bill, Law, Method, Probes, Progress, Runner, Samples
from .block_circuits import known_block, on_bits, on_qubits, one_block, one_block_values
from .dynamics import NeuronDynamics, check_field_loading, loads_synapses, refuse_summed
from .feedforward import draw_from_circuits, measured_starts, run_grouped, run_known
from .markov import CHAIN_LIMIT, PAIRS_LIMIT, BlockChain, Chain, law_of_table, product_distribution
from .mitigated import wanders
from .partition import frozen_parts, index_parts, inside
from .probes import as_states, one_row
from .registers import probe_angles, single_neuron
from .streams import Streams
from .template import Template
from .trajectories import Account, Draw, draw_from_law, observe, tally, update_together

REGISTERS = ("feedforward", "reuse")


@dataclass(frozen=True)
class BlockDynamics(Method):
    """Dynamics of small Hopfield networks, each on its own circuit, that bias one another.

    The neurons are cut into blocks.  In a sweep every block updates its neurons one after the
    other, and sees its own new spins, but the other blocks as they stood when the sweep began:
    they enter as a classical bias and are exchanged once a sweep.  All blocks run at the same
    time, so that a sweep takes as many steps as the largest block has neurons (:meth:`steps`).

    One block is ``NeuronDynamics(order="sequential")``; blocks of one neuron each are
    ``NeuronDynamics(synchronous=True)``.  In between, as with synchronous updates, the energy may
    rise: two blocks that answer each other at the same time can overshoot, and two neurons with
    one positive weight, in a block each, swap their spins for ever.  (Bruck and Goodman 1988
    prove that fully parallel sign updates of a symmetric network end in a fixed point or in a
    cycle of length 2.)  Sign updates of weakly linked blocks never raise the energy of
    :meth:`network`: let ``m_i`` be the least size, over all states, of what its own block and bias
    add to the field of neuron i, and ``c_i`` the sum of the sizes of the model's weights between
    it and other blocks; then ``2 link c_i <= m_i`` for every neuron is enough.

    The probe is measured before the first sweep, and the neurons after every one.

    Args:
        blocks: how many consecutive blocks of nearly equal size, >= 1, or the blocks: a partition
            of the neurons 0..N-1, each in the order in which its neurons are updated.
        neuron: how a neuron answers to its field.
        sweeps: how often each neuron is updated, >= 1.
        link: factor on the weights between blocks, in [0, 1]: 1 is the whole network, 0 leaves
            independent ones.
        register: where a block's neurons live.

            - ``"feedforward"``: in classical memory; a field enters a circuit of k + 1 qubits as
              an angle.  All blocks' updates of one step are one batch of runs.
            - ``"reuse"``: on qubits, prepared anew for every sweep from what was measured; a sweep
              of a block of n neurons is one circuit of n + k + 1 qubits, the other blocks being
              angles of it.  Trajectories share a run only where all spins that matter agree, so
              that it takes more runs than feedforward.
        gain: angle in radians per unit of field, one for the whole network with its weak links:
            ``"safe"``, ``"typical"`` or a number, as in :class:`NeuronDynamics`.
        fold: allows a number beyond the safe gain.
        field_loading: as in :class:`NeuronDynamics`, with ``register="feedforward"``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, or ``blocks`` is no partition.

    Source: Hopfield networks as in Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240;
    parallel updates: J. Bruck and J. W. Goodman 1988, IEEE Trans. Inf. Theory 34, 1089.

    Example:
        >>> from qhopfield.circuits.methods import BlockDynamics
        >>> from qhopfield.circuits.models import Hopfield
        >>> memory = Hopfield.store([[1, 1, 1, -1, -1, -1], [1, -1, 1, -1, 1, -1]])
        >>> method = BlockDynamics(2, sweeps=2)
        >>> method.partition(memory)
        ((0, 1, 2), (3, 4, 5))
        >>> method.steps(memory)
        6
    """

    blocks: Any
    _: KW_ONLY
    neuron: Neuron = field(default_factory=lambda: RUSNeuron(level=2))
    sweeps: int = 3
    link: float = 1.0
    register: str = "feedforward"
    gain: str | float = "safe"
    fold: bool = False
    field_loading: str | None = None

    def __post_init__(self) -> None:
        # A frozen dataclass is compared and printed: lists and arrays become nested tuples.
        object.__setattr__(self, "blocks", frozen_parts(self.blocks, "blocks"))
        settle(
            self,
            link=check_real(self.link, "link", minimum=0.0, maximum=1.0),
            register=check_choice(self.register, "register", REGISTERS),
        )
        check_field_loading(self.field_loading)
        if self.field_loading is not None and self.register != "feedforward":
            raise ValueError(
                "field_loading says how a field gets from classical memory into a circuit; leave "
                f"it out with register={self.register!r}, or use register='feedforward'."
            )
        whole = self._whole()
        settle(self, sweeps=whole.sweeps, gain=whole.gain, fold=whole.fold)

    def _whole(self) -> NeuronDynamics:
        """The same neurons without blocks, which checks them and resolves their gain."""
        return NeuronDynamics(self.neuron, self.sweeps, gain=self.gain, fold=self.fold)

    # What a model makes of the choices.

    def partition(self, model: Model) -> tuple[tuple[int, ...], ...]:
        """The blocks in a model, each in its order of updates.

        Raises:
            TypeError: the model is not quadratic.
            ValueError: the blocks do not fit its neurons.
        """
        _check_model(model)
        parts = index_parts(self.blocks, model.num_neurons, "blocks", "neurons")
        return tuple(tuple(part.tolist()) for part in parts)

    def network(self, model: Model) -> Hopfield:
        """The network that runs: the model with its weights between blocks times ``link``.

        Raises:
            TypeError: the model is not quadratic.
            ValueError: the blocks do not fit its neurons, or no weight is left.
        """
        inner = inside(self.partition(model), model.num_neurons)
        assert isinstance(model, Hopfield)  # checked by partition
        if self.link == 1.0 or len(self.partition(model)) == 1:
            return model
        weights = np.where(inner, model.weights, self.link * model.weights)
        if not weights.any():
            raise ValueError(
                "No weight is left: all of them are between blocks, and link=0. Use larger blocks, "
                "or link > 0."
            )
        return Hopfield(weights, model.bias, patterns=model.patterns, rule=model.rule)

    def prepared(self, model: Model) -> PreparedNeuron:
        """The neuron's law in the network that runs.

        Raises:
            TypeError: the model is not quadratic.
            ValueError: the blocks do not fit its neurons, no weight is left, or the gain does
                not fit.
        """
        return self._whole().prepared(self.network(model))

    def steps(self, model: Model) -> int:
        """Updates that are made one after the other: sweeps times the largest block's neurons."""
        return self.sweeps * max(map(len, self.partition(model)))

    def qubits(self, model: Model) -> int:
        """Qubits of the widest circuit that runs."""
        prepared = self.prepared(model)
        scratch = 0 if prepared.integers is None else prepared.integers.quantization.register
        own = 0 if self.register == "feedforward" else max(map(len, self.partition(model)))
        return own + 1 + self.neuron.ancillas + scratch

    # The circuit.

    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """All sweeps of all blocks side by side, as one dynamic circuit.

        Every block has qubits of its own: an output and the neuron's ancillas, and with
        ``register="reuse"`` its neurons, too.  What the other blocks held when the sweep began
        is read from classical bits.  The first N classical bits (register ``neurons``) are the
        recalled state; runs in which a bit of a ``failed`` or ``rejected`` register is 1 do not
        count.  :func:`~qhopfield.circuits.recall` runs this circuit's gates, cut where its qubits
        are reset, with the bits known that it has measured: one neuron or one block each.  Without
        noise, what is known enters as one angle.

        Args:
            model: the memory.
            probe: spin expectations (N,).

        Raises:
            TypeError: ``model`` or ``probe`` has a wrong type.
            ValueError: a wrong shape or value, or a pair that cannot work.
        """
        template = self.template(model)
        row = one_row(_no_amplitudes(probe), model.num_neurons)
        bound = dict(zip(template.parameters, probe_angles(row), strict=True))
        circuit = template.circuit.assign_parameters(bound)
        assert circuit is not None  # inplace=False returns the bound copy
        return circuit

    def template(self, model: Model) -> Template:
        """The circuit of :meth:`circuit` with the angles of the probe open."""
        refuse_summed(self.field_loading)
        build = on_bits if self.register == "feedforward" else on_qubits
        return build(self.neuron, self.prepared(model), self.partition(model), self.sweeps)

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`; attempts are those met at the stored patterns.

        With ``register="feedforward"`` the circuit is one neuron's, run once an update; blocks run
        at the same time, so that only :meth:`steps` of these runs wait for one another.  With
        ``"reuse"`` the circuits of all blocks, one sweep each, stand side by side.
        """
        prepared, blocks = self.prepared(model), self.partition(model)
        updates = self.sweeps * model.num_neurons
        alone = self.register == "feedforward"
        circuits = (
            (single_neuron(self.neuron, prepared, count=False).circuit,)
            if alone
            else tuple(one_block(self.neuron, prepared, block).circuit for block in blocks)
        )
        repetitions = updates if alone else self.sweeps
        attempts = expected = math.nan
        if not isinstance(self.neuron, RUSNeuron):
            gates = sum(circuit_cost(circuit).two_qubit_gates for circuit in circuits)
            expected = float(gates * repetitions)
        elif model.patterns is not None:
            fields = prepared.model.local_field(model.patterns)
            attempts = float(prepared.blocks(fields).mean())
            turns = prepared.all_blocks(fields).mean(axis=0)
            loads = np.zeros(model.num_neurons)
            if not alone:
                # A field is loaded by one gate a synapse to a neuron on qubits.
                inner = inside(blocks, model.num_neurons)
                loads = np.count_nonzero(np.where(inner, self.network(model).weights, 0.0), axis=1)
            rotations = prepared.rotations(fields).mean(axis=0)
            expected = float(self.sweeps * (rotations @ loads + turns.sum()))
        quantization = None if prepared.integers is None else prepared.integers.quantization
        return Bill(
            circuit=max(circuits, key=lambda circuit: circuit.num_qubits),
            repetitions=repetitions,
            updates=updates,
            expected_two_qubit_gates=expected,
            expected_attempts=attempts,
            gain=math.nan if quantization is not None else prepared.gain,
            field_error=0.0 if quantization is None else quantization.error,
            side_by_side=() if alone else circuits,
        )

    # The law.

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of recalled states: a Markov chain over all 2^N states.

        Args:
            model: the memory.
            probe: spin expectations (N,).

        Raises:
            TypeError: ``model`` or ``probe`` has a wrong type.
            ValueError: more than 12 neurons (18 in one block): use
                :func:`~qhopfield.circuits.recall` with ``exact=True``, which then samples.
        """
        blocks, num_neurons = self.partition(model), model.num_neurons
        if num_neurons > self.law_limit:
            raise ValueError(
                f"The exact law of {num_neurons} neurons in {len(blocks)} blocks is too large; "
                f"{self.law_limit} neurons are the most here. recall(..., exact=True) samples the "
                "same law at any size."
            )
        prepared = self.prepared(model)
        start = product_distribution(one_row(_no_amplitudes(probe), num_neurons))
        repeats, updates = bool(prepared.level), self.sweeps * num_neurons
        if len(blocks) == 1:
            alone = Chain.of_neuron(prepared, start)
            for neuron in blocks[0] * self.sweeps:
                alone.update(neuron)
            return law_of_table(alone.table, updates, repeats)
        chain = BlockChain(prepared, blocks, start)
        for _ in range(self.sweeps):
            chain.sweep()
        return law_of_table(chain.table, updates, repeats)

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        return (
            "BlockDynamics exchanges single spins of single shots after every sweep, which "
            "mitigation cannot correct afterwards: use NeuronDynamics(register='reuse'), or leave "
            "mitigation out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return wanders(self)

    @property
    def law_limit(self) -> int:
        """The most neurons whose exact law is computed."""
        count = self.blocks if isinstance(self.blocks, int) else len(self.blocks)
        return CHAIN_LIMIT if count == 1 else PAIRS_LIMIT

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws trajectories from the law, at any size; see :meth:`Method.sample_law`."""
        prepared = self.prepared(model)
        rows = check_probes(_no_amplitudes(probes), model.num_neurons)
        streams = Streams(rng, len(rows), shots)
        starts = streams.starts(rows, model.num_neurons)
        draw = draw_from_law(prepared, streams)
        return self._drive(model, prepared, starts, shots, draw, progress)

    def _drive(
        self,
        model: Model,
        prepared: PreparedNeuron,
        starts: NDArray[np.int8],
        shots: int,
        draw: Draw,
        progress: Progress | None,
    ) -> Samples:
        """Moves trajectories (P * shots, N), all blocks of all of them at the same time."""
        network, blocks = prepared.model, self.partition(model)
        assert isinstance(network, Hopfield)  # checked by partition
        inner = np.where(inside(blocks, model.num_neurons), network.weights, 0.0)
        states = starts.copy()
        alive = np.ones(len(states), dtype=bool)
        account = Account(prepared, len(states))
        trace = [observe(model, states, alive, shots)]
        largest = max(map(len, blocks))
        for sweep in range(self.sweeps):
            # What other blocks add stays as it is now; flips add rows of the weights inside.
            fields, began = network.local_field(states), states.copy()
            for step in range(largest):
                going = [block for block in blocks if step < len(block)]
                neurons = np.array([block[step] for block in going])
                own = np.zeros((len(going), model.num_neurons), dtype=bool)
                for row, block in zip(own, going, strict=True):
                    row[list(block)] = True

                def seen(
                    live: NDArray[np.intp],
                    began: NDArray[np.int8] = began,
                    own: NDArray[np.bool_] = own,
                ) -> NDArray[np.int8]:
                    pair = np.where(own, states[live, None], began[live, None])
                    return np.asarray(pair.reshape(-1, model.num_neurons))

                told, old = fields[:, neurons], states[:, neurons]
                new = update_together(neurons, told, old, alive, account, draw, seen)
                fields += (new - old).astype(np.float64) @ inner[neurons]
                states[:, neurons] = new
                if progress is not None:
                    progress(sweep * largest + step + 1, self.sweeps * largest)
            trace.append(observe(model, states, alive, shots))
        return tally(
            states,
            alive,
            shots,
            self.sweeps * model.num_neurons,
            *account.totals(),
            repeats=bool(prepared.level),
            trace=trace,
        )

    # Running circuits.

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits; see :meth:`Method.run`."""
        prepared, probes = self.prepared(model), _no_amplitudes(probes)
        runner.admit(
            self.qubits(model),
            "Use smaller blocks, or register='feedforward', whose circuits need level + 1 qubits."
            if self.register == "reuse"
            else "Use RUSNeuron(level=...), whose circuit needs level + 1 qubits, or fewer bits.",
            simpler="RUSNeuron(attempts=1) needs no loops, and RotationNeuron() with "
            "register='feedforward', field_loading='sum' needs neither loops nor resets.",
        )
        synapses = loads_synapses(self.field_loading, prepared.model) and not runner.ideal
        starts = measured_starts(probes, model.num_neurons, shots, runner, rng, synapses)
        if self.register == "feedforward":
            draw = draw_from_circuits(self.neuron, prepared, runner, rng, synapses)
            return self._drive(model, prepared, starts, shots, draw, progress)
        return self._run_blocks(model, prepared, starts, shots, runner, rng, progress)

    def _run_blocks(
        self,
        model: Model,
        prepared: PreparedNeuron,
        states: NDArray[np.int8],
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """One circuit per block and sweep; trajectories with equal spins share its runs.

        Without noise what the other blocks add is summed, and enters as one angle; with noise every
        synapse is a gate of its own, as in :meth:`circuit`.
        """
        blocks = self.partition(model)
        ideal = runner.ideal
        circuits = (
            [one_block(self.neuron, prepared, block, count=True) for block in blocks]
            if ideal
            else []
        )
        known = [KnownBlock(self.neuron, prepared, block) for block in blocks]
        alive, used = np.ones(len(states), dtype=bool), np.zeros(len(states))
        trace = [observe(model, states, alive, shots)]
        for sweep in range(self.sweeps):
            live = np.flatnonzero(alive)
            before = states[live]
            for number, block in enumerate(blocks):
                if live.size:
                    own = np.array(block)
                    if ideal:
                        values = one_block_values(prepared, block, before)
                        new, accepted, ran = run_grouped(
                            circuits[number], values, len(own), runner, rng
                        )
                    else:
                        new, accepted, ran = run_known(
                            [known[number].circuit(row) for row in before], len(own), runner, rng
                        )
                    states[np.ix_(live, own)] = new
                    alive[live] &= accepted
                    used[live] += ran
                if progress is not None:
                    progress(sweep * len(blocks) + number + 1, self.sweeps * len(blocks))
            trace.append(observe(model, states, alive, shots))
        return tally(
            states,
            alive,
            shots,
            self.sweeps * model.num_neurons,
            used,
            None,
            repeats=bool(prepared.level),
            trace=trace,
        )


class KnownBlock:
    """Circuits of one sweep of a block; those that see equal spins of the others are one.

    Args:
        neuron: the neuron.
        prepared: its law in the network.
        block: the block's neurons.
    """

    def __init__(self, neuron: Neuron, prepared: PreparedNeuron, block: tuple[int, ...]) -> None:
        self._neuron, self._prepared, self._block = neuron, prepared, block
        self._templates: dict[bytes, Template] = {}

    def circuit(self, spins: NDArray[np.int8]) -> tuple[Template, list[float]]:
        """The circuit of a sweep that begins with spins (N,), and what it is bound to."""
        rest = np.delete(spins, self._block)
        key = rest.tobytes()
        if key not in self._templates:
            places = np.delete(np.arange(len(spins)), self._block).tolist()
            bits = dict(zip(places, (rest < 0).astype(int).tolist(), strict=True))
            self._templates[key] = known_block(self._neuron, self._prepared, self._block, bits)
        own = spins[list(self._block)].astype(np.float64)
        return self._templates[key], probe_angles(own).tolist()


def _check_model(model: Model) -> None:
    if not isinstance(model, Hopfield):
        raise TypeError(
            "BlockDynamics needs a Hopfield network, whose fields are sums over neurons, got "
            f"{type(model).__name__}. NeuronDynamics() updates a DenseAssociativeMemory as a "
            "whole; FilteredMemory() recalls from any model with patterns."
        )


def _no_amplitudes(probes: Probes) -> Probes:
    """The probes, if they are spin expectations."""
    if as_states(probes) is not None:
        raise ValueError(
            "BlockDynamics measures its probe before the first sweep, so that amplitudes play no "
            "part: give spin expectations, or use NeuronDynamics(register='reuse')."
        )
    return probes
