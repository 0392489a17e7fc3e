"""Data files of the bundled pattern sets (see :mod:`qhopfield.circuits.patterns.sets`)."""
