"""The hub of the tests of models, for data sets."""

from __future__ import annotations

from tests.hub.hub_fixture import hub

__all__ = ["hub"]
