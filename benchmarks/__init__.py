"""Benchmarks, one script a question (``python -m benchmarks.NAME --help``), and the claims.

Aer's threads are told to sleep while they wait (``OMP_WAIT_POLICY=passive``, unless it is set): by
default they spin, and on a machine that does anything else too they take the processor from each
other, up to five times the time.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
