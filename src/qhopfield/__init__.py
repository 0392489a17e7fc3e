"""Quantum Hopfield networks as circuits: see :mod:`qhopfield.circuits`."""

__version__ = "0.1.0"
