"""Which files of a model directory are on the Hub."""

from __future__ import annotations

from foretell.artifacts import manifest

PARTS = manifest.PARTS
"""The parts that only some models have."""

ON_HUB = (*manifest.FILES, *PARTS, manifest.MANIFEST)
"""Everything that is pushed or downloaded; run/, with report and log, never is."""
