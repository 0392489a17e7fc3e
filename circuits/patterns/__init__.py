"""Patterns of +-1: checks, bits, corruption, overlaps, bundled sets and files."""

from .bits import (
    all_states,
    from_bitstring,
    from_index,
    to_bits,
    to_bitstring,
    to_index,
    to_spins,
)
from .checks import check_patterns, check_probes, check_spins
from .conversion import AmbiguousDataWarning, from_binary, from_images
from .corruption import corrupt
from .files import load_patterns, save_patterns
from .measures import correlations, hamming, overlaps, random_patterns
from .sets import PatternSet, available_sets, load_set

__all__ = [
    "AmbiguousDataWarning",
    "PatternSet",
    "all_states",
    "available_sets",
    "check_patterns",
    "check_probes",
    "check_spins",
    "correlations",
    "corrupt",
    "from_binary",
    "from_bitstring",
    "from_images",
    "from_index",
    "hamming",
    "load_patterns",
    "load_set",
    "overlaps",
    "random_patterns",
    "save_patterns",
    "to_bits",
    "to_bitstring",
    "to_index",
    "to_spins",
]
