"""The quick claims of the superposition memories, run as they are."""

import pytest
from qiskit import QuantumCircuit

from benchmarks.claims import REGISTRY
from benchmarks.claims.exact import readings
from benchmarks.claims.record import HOLDS, REFUTED

THEMES = ("superposition.*", "amplification.*", "dense.*")
QUICK = REGISTRY.select(THEMES, quick=True)


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.id)
def test_quick_claim(claim):
    measured = claim.measure(7)
    wanted = HOLDS if claim.found is None else REFUTED
    assert claim.verdict(measured.value) == wanted, (measured, claim.wanted())


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_has_claims(theme):
    assert REGISTRY.select([theme], quick=True)


def test_readings_orders_classical_bits_and_keeps_the_lowest():
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [1, 0])
    assert readings(circuit)[0].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert readings(circuit, bits=1)[0].tolist() == [0.0, 0.0]


def test_readings_refuses_a_measurement_before_the_end():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    with pytest.raises(ValueError, match="measures before its end"):
        readings(circuit)
