"""Small models with random weights, and what tests do to their directories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rewrite_json(directory: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change a JSON file of a model directory and correct its entry in the manifest."""
    value = json.loads((directory / name).read_text())
    change(value)
    (directory / name).write_text(json.dumps(value))
    listed = json.loads((directory / "manifest.json").read_text())
    content = (directory / name).read_bytes()
    listed["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (directory / "manifest.json").write_text(json.dumps(listed))
