"""Settings that every test shares."""

from __future__ import annotations

import hypothesis

# Wall-clock deadlines make property tests flaky on a busy machine.
hypothesis.settings.register_profile("qhopfield", deadline=None)
hypothesis.settings.load_profile("qhopfield")
