"""What the circuit tests share: an exact simulator of dynamic circuits, and statistics.

The simulator keeps a dictionary from classical bits to an unnormalised density matrix, as the
columns of a factor ``V`` with ``rho = V V^dagger`` (a batch of them, one a row of bound
parameters), and moves it through gates, measurements, resets, stores, branches and loops until what
is still in a loop weighs less than 1e-13.  So circuits with resets and loops are checked to 1e-10
rather than sampled.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import numpy as np
import pytest
from qiskit.circuit import ParameterExpression
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator
from qiskit_aer import AerSimulator
from scipy.stats import binom, chi2

from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.models import DenseAssociativeMemory, Exponential, Hopfield, Polynomial
from qhopfield.circuits.patterns import all_states

FALSE_ALARM = 1e-6
# Wider circuits than this keep gates apart; narrower ones get one matrix for a run of gates.
FUSED_QUBITS = 8


# The exact simulator.


class ExactSimulator:
    """Runs one circuit for all rows of ``values`` at once; ``drop`` masks bits that end a run."""

    def __init__(self, circuit, parameters=(), values=None, drop=0, tolerance=1e-13):
        self.circuit = circuit
        self.columns = {parameter: j for j, parameter in enumerate(parameters)}
        self.values = np.zeros((1, 0)) if values is None else np.asarray(values, dtype=float)
        self.drop = drop
        self.tolerance = tolerance
        self.num_qubits = circuit.num_qubits
        self.size = 2**self.num_qubits
        self.bit = {bit: j for j, bit in enumerate(circuit.clbits)}
        self.set = [(np.arange(self.size) >> q & 1).astype(bool) for q in range(self.num_qubits)]

    def run(self):
        """The weights (rows,) of every reading of the classical bits."""
        start = np.zeros((len(self.values), self.size, 1), dtype=complex)
        start[:, 0, 0] = 1.0
        steps = self._compile(self.circuit, {q: j for j, q in enumerate(self.circuit.qubits)})
        branches, broken = self._execute(steps, {0: start})
        assert not broken
        return {key: _weight(v) for key, v in branches.items()}

    # From instructions to steps.

    def _compile(self, circuit, where):
        steps, pending = [], []

        def flush():
            if pending:
                steps.extend(self._fuse(pending))
                pending.clear()

        for instruction in circuit.data:
            operation = instruction.operation
            qubits = [where[q] for q in instruction.qubits]
            name = operation.name
            if name == "barrier":
                continue
            if name == "initialize":
                inner = operation.definition
                flush()
                steps += self._compile(inner, dict(zip(inner.qubits, qubits, strict=True)))
                continue
            if not getattr(operation, "blocks", ()) and name not in (
                "measure",
                "reset",
                "store",
                "break_loop",
            ):
                pending.append((self._matrix(operation), qubits))
                continue
            flush()
            if name == "measure":
                steps.append(("measure", qubits[0], self.bit[instruction.clbits[0]]))
            elif name == "reset":
                steps.append(("reset", qubits[0]))
            elif name == "store":
                steps.append(("store", self.bit[operation.lvalue.var], operation.rvalue))
            elif name == "break_loop":
                steps.append(("break",))
            else:
                bodies = [
                    self._compile(block, dict(zip(block.qubits, qubits, strict=True)))
                    for block in operation.blocks
                ]
                if name == "for_loop":
                    steps.append(("for", len(operation.params[0]), bodies[0]))
                else:
                    assert name in ("if_else", "while_loop")
                    bit, value = operation.condition
                    steps.append((name, self.bit[bit], bool(value), *bodies))
        flush()
        return steps

    def _matrix(self, operation):
        if not any(isinstance(each, ParameterExpression) for each in operation.params):
            return Operator(operation).data
        matrices = []
        for row in self.values:
            bound = operation.to_mutable()
            bound.params = [
                float(each.bind({p: row[self.columns[p]] for p in each.parameters}))
                if isinstance(each, ParameterExpression)
                else each
                for each in operation.params
            ]
            matrices.append(bound.to_matrix())
        return np.stack(matrices)

    def _fuse(self, pending):
        gates = [(np.asarray(matrix), qubits) for matrix, qubits in pending]
        rows = max((len(m) for m, _ in gates if m.ndim == 3), default=1)
        if self.num_qubits > FUSED_QUBITS or rows * self.size**2 > 2**18:
            return [("gate", matrix, qubits) for matrix, qubits in gates]
        total = np.broadcast_to(np.eye(self.size, dtype=complex), (rows, self.size, self.size))
        for matrix, qubits in gates:
            total = self._apply(matrix, qubits, total)
        return [("all", total[0] if rows == 1 else total)]

    # Steps on branches.

    def _apply(self, matrix, qubits, v):
        rows, _, columns = v.shape
        axes = [self.num_qubits - q for q in reversed(qubits)]
        front = range(1, len(axes) + 1)
        moved = np.moveaxis(v.reshape(rows, *[2] * self.num_qubits, columns), axes, front)
        done = matrix @ moved.reshape(rows, 2 ** len(qubits), -1)
        return np.moveaxis(done.reshape(moved.shape), front, axes).reshape(v.shape)

    def _execute(self, steps, branches):
        broken: dict = {}
        for step in steps:
            kind = step[0]
            if kind == "all":
                branches = {key: step[1] @ v for key, v in branches.items()}
            elif kind == "gate":
                branches = {key: self._apply(*step[1:], v) for key, v in branches.items()}
            elif kind == "measure":
                branches = self._measure(branches, *step[1:])
            elif kind == "reset":
                branches = {key: self._reset(v, step[1]) for key, v in branches.items()}
            elif kind == "store":
                branches = self._collect(
                    (_with_bit(key, step[1], self._evaluate(step[2], key)), v)
                    for key, v in branches.items()
                )
            elif kind == "break":
                return {}, branches
            elif kind == "if_else":
                branches, more = self._branch(branches, *step[1:])
                broken = self._collect([*broken.items(), *more.items()])
            elif kind == "while_loop":
                branches = self._while(branches, *step[1:])
            else:
                finished: list = []
                for _ in range(step[1]):
                    branches, more = self._execute(step[2], branches)
                    finished += more.items()
                branches = self._collect([*finished, *branches.items()])
        return branches, broken

    def _measure(self, branches, qubit, bit):
        parts = []
        for key, v in branches.items():
            for value in (False, True):
                part = np.where((self.set[qubit] == value)[None, :, None], v, 0.0)
                parts.append((_with_bit(key, bit, value), part))
        return self._collect(parts)

    def _reset(self, v, qubit):
        zero = np.where(self.set[qubit][None, :, None], 0.0, v)
        one = np.where(self.set[qubit][None, :, None], v, 0.0)
        one = one[:, np.arange(self.size) ^ (1 << qubit)]
        return self._shorten(np.concatenate([zero, one], axis=2))

    def _branch(self, branches, bit, value, then, otherwise=()):
        chosen = {key: v for key, v in branches.items() if (key >> bit & 1) == value}
        rest = {key: v for key, v in branches.items() if key not in chosen}
        kept, broken = self._execute(then, chosen)
        other, more = self._execute(otherwise, rest)
        return (
            self._collect([*kept.items(), *other.items()]),
            self._collect([*broken.items(), *more.items()]),
        )

    def _while(self, branches, bit, value, body):
        live, finished = branches, []
        while True:
            finished += [(key, v) for key, v in live.items() if (key >> bit & 1) != value]
            live = {key: v for key, v in live.items() if (key >> bit & 1) == value}
            if sum((_weight(v) for v in live.values()), np.zeros(1)).max() < self.tolerance:
                return self._collect(finished)
            live, broken = self._execute(body, live)
            finished += broken.items()

    def _collect(self, parts: Iterable):
        """Adds up the density matrices of equal bits; leaves out what was dropped or is empty."""
        lists: dict[int, list] = {}
        for key, v in parts:
            if not key & self.drop and _weight(v).max() > 1e-18:
                lists.setdefault(key, []).append(v)
        return {
            key: vs[0] if len(vs) == 1 else self._shorten(np.concatenate(vs, axis=2))
            for key, vs in lists.items()
        }

    def _shorten(self, v):
        """The same density matrix from fewer columns."""
        if v.shape[2] > 8 and self.num_qubits <= FUSED_QUBITS:
            values, vectors = np.linalg.eigh(v @ v.conj().swapaxes(1, 2))
            values = np.where(values > 1e-18, values, 0.0)
            kept = values.max(axis=0) > 0.0
            return vectors[:, :, kept] * np.sqrt(values[:, None, kept])
        norms = (np.abs(v) ** 2).sum(axis=1)
        order = np.argsort(-norms, axis=1)
        kept = max(1, int((np.take_along_axis(norms, order, 1).max(axis=0) > 1e-24).sum()))
        return np.take_along_axis(v, order[:, None, :kept], 2)

    def _evaluate(self, node, key):
        if isinstance(node, expr.Value):
            return bool(node.value)
        if isinstance(node, expr.Var):
            return bool(key >> self.bit[node.var] & 1)
        if isinstance(node, expr.Cast):
            return self._evaluate(node.operand, key)
        if isinstance(node, expr.Unary):
            return not self._evaluate(node.operand, key)
        left, right = self._evaluate(node.left, key), self._evaluate(node.right, key)
        return {"BIT_AND": left and right, "BIT_OR": left or right, "BIT_XOR": left != right}[
            node.op.name
        ]


def _with_bit(key, bit, value):
    return key | 1 << bit if value else key & ~(1 << bit)


def _weight(v):
    return (np.abs(v) ** 2).sum(axis=(1, 2))


def _exact_readings(circuit, parameters=(), values=None, drop=0, tolerance=1e-13):
    return ExactSimulator(circuit, parameters, values, drop, tolerance).run()


def _exact_table(template, values, num_neurons):
    """Accepted weight (rows, 2^N) of every answer of a template."""
    weights = _exact_readings(template.circuit, template.parameters, values, template.rejecting)
    table = np.zeros((len(values), 2**num_neurons))
    for key, weight in weights.items():
        table[:, key & (2**num_neurons - 1)] += weight
    return table


def _coherent_table(template, values, num_neurons):
    """The same for a circuit that measures only at its end, by Aer's exact probabilities."""
    data = list(template.circuit.data)
    measured: dict[int, int] = {}
    while data and data[-1].operation.name == "measure":
        instruction = data.pop()
        bit = template.circuit.find_bit(instruction.clbits[0]).index
        measured[bit] = template.circuit.find_bit(instruction.qubits[0]).index
    assert not any(i.operation.name in ("measure", "reset") or i.clbits for i in data)
    failed = [b for b in sorted(measured) if template.rejecting >> b & 1]
    assert sorted(measured) == [*range(num_neurons), *failed]
    circuit = template.circuit.copy_empty_like()
    for instruction in data:
        circuit.append(instruction)
    order = [measured[b] for b in sorted(measured)]
    circuit.save_probabilities(order, label="p")
    binds = {p: values[:, j].tolist() for j, p in enumerate(template.parameters)}
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    result = simulator.run(
        circuit,
        parameter_binds=[binds] if binds else None,
        runtime_parameter_bind_enable=bool(binds),
    ).result()
    # The failed bits are the higher ones: where all are 0, the index is the answer's.
    return np.stack([each.data.p[: 2**num_neurons] for each in result.results])


# Statistics.


def _chi_square(observed, probabilities):
    """Asserts that counts come from a distribution, at a false-alarm rate of 1e-6.

    Cells are pooled, rarest first, until 5 counts are expected in each.
    """
    observed = np.asarray(observed, dtype=float)
    expected = np.asarray(probabilities, dtype=float) * observed.sum()
    assert observed.sum() > 0
    impossible = expected < 1e-9
    assert not observed[impossible].any(), "a state of probability 0 came"
    cells, pool = [], np.zeros(2)
    for index in np.argsort(expected):
        if impossible[index]:
            continue
        pool += observed[index], expected[index]
        if pool[1] >= 5.0:
            cells.append(pool)
            pool = np.zeros(2)
    if pool[1]:
        if cells:
            cells[-1] = cells[-1] + pool
        else:
            cells.append(pool)
    seen, due = np.array(cells).T
    if len(cells) == 1:
        assert seen[0] == pytest.approx(due[0])
        return
    p_value = chi2.sf(((seen - due) ** 2 / due).sum(), len(cells) - 1)
    assert p_value > FALSE_ALARM, f"chi-square p = {p_value:.2g}, {seen} for {due}"


def _same_distribution(*samples):
    """Asserts that rows of counts come from one distribution (contingency table, 1e-6)."""
    table = np.array(samples, dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    shares = table.sum(axis=0) / table.sum()
    rare = shares * table.sum(axis=1).min() < 5.0
    if rare.any():
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
        shares = table.sum(axis=0) / table.sum()
    due = table.sum(axis=1, keepdims=True) * shares
    degrees = (len(table) - 1) * (table.shape[1] - 1)
    assert degrees > 0
    p_value = chi2.sf(((table - due) ** 2 / due).sum(), degrees)
    assert p_value > FALSE_ALARM, f"chi-square p = {p_value:.2g}, {table}"


def _binomial(successes, trials, probability):
    """Asserts a count within the two-sided 1e-6 range of a binomial distribution."""
    assert binom.cdf(successes, trials, probability) > FALSE_ALARM / 2
    assert binom.sf(successes - 1, trials, probability) > FALSE_ALARM / 2


def _outcome_vector(samples, probe=0):
    """Counts of all 2^N states, by index, of one probe of ``Samples``."""
    states = np.asarray(samples.outcomes[probe])
    bits = (states < 0).astype(np.int64)
    vector = np.zeros(2 ** states.shape[1])
    np.add.at(vector, bits @ (1 << np.arange(states.shape[1])), samples.weights[probe])
    return vector


# Laws for comparison.


def _law_table(method, model):
    """Accepted weight (2^N, 2^N) of every answer, from every basis state, by the law."""
    rows = []
    for state in all_states(model.num_neurons):
        law = method.law(model, state)
        rows.append(law.acceptance * law.as_vector())
    return np.stack(rows)


def _memory(kind: str, num_neurons: int):
    """Small memories of every kind; the fields of ``hebb`` and ``cubic`` have ties."""
    rng = np.random.default_rng(1000 + num_neurons)
    patterns = np.array(
        list(itertools.islice(_distinct(rng, num_neurons), 2 if num_neurons < 4 else 3))
    )
    if kind == "hebb":
        return Hopfield.store(patterns)
    if kind == "projection":
        return Hopfield.store(
            patterns[:2], rule="projection", bias=0.1 * rng.normal(size=num_neurons)
        )
    if kind == "real":
        weights = np.triu(rng.normal(size=(num_neurons, num_neurons)), 1)
        return Hopfield(weights + weights.T, rng.normal(size=num_neurons) / 2)
    separation = {"cubic": Polynomial(3), "exponential": Exponential(0.4)}[kind]
    return DenseAssociativeMemory(patterns, separation=separation)


def _distinct(rng, num_neurons):
    seen: list = []
    while True:
        pattern = rng.choice([-1, 1], size=num_neurons)
        # Neither a pattern nor its opposite twice, so that no rule cancels.
        if not any(abs(int(pattern @ other)) == num_neurons for other in seen):
            seen.append(pattern)
            yield pattern


@pytest.fixture(scope="session")
def exact() -> SimpleNamespace:
    """Exact distributions: of any circuit, of templates, and by the law from every input."""
    return SimpleNamespace(
        readings=_exact_readings,
        table=_exact_table,
        coherent_table=_coherent_table,
        law_table=_law_table,
    )


@pytest.fixture(scope="session")
def stats() -> SimpleNamespace:
    """Statistical assertions at a false-alarm rate of 1e-6 each."""
    return SimpleNamespace(
        chi_square=_chi_square,
        same=_same_distribution,
        binomial=_binomial,
        outcomes=_outcome_vector,
    )


@pytest.fixture(scope="session")
def memory() -> Callable[[str, int], Hopfield | DenseAssociativeMemory]:
    """``memory(kind, num_neurons)``: hebb, projection, real, cubic or exponential."""
    return _memory


@pytest.fixture
def aer() -> AerRunner:
    """The default runner."""
    return AerRunner()


@pytest.fixture(scope="session")
def basis_angles() -> Callable[[int], np.ndarray]:
    """Probe angles of all 2^N basis states, by index."""
    return lambda num_neurons: np.arccos(all_states(num_neurons).astype(float))
