"""Circuits with open angles that the layers run on law, PennyLane or Qiskit."""
