"""The events of the service's log, with their fields: counts, names and statuses, never texts."""

from __future__ import annotations

import logging

_log = logging.getLogger("foretell.service")


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    _log.log(level, event, extra={"fields": fields})
