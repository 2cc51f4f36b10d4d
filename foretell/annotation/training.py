"""The training of a whole model in the background: when one is worth it, its process, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foretell.presets import DEFAULT_PRESET

MIN_TEXTS = 20
MIN_OF_LABEL = 3
"""Texts of a label, and of all labels, from which on a model is trained; rarer labels wait."""

GROWTH = 1.25
"""A model is trained again once there are so many times the texts that it learned from."""

_PROCESS = ("-m", "foretell.annotation.training_process")
_STOP_SECONDS = 5.0
_REASON = 300

State = Literal["off", "waiting", "running", "failed"]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How models are trained.

    Attributes:
        out: the model directory; it is replaced by each new model.
        preset: the preset.
        settings: changes to the preset.
    """

    out: Path
    preset: str = DEFAULT_PRESET
    settings: Mapping[str, Any] = field(default_factory=dict)


class Training:
    """Trains one model after another, each in a process of its own. All calls come from one thread.

    Args:
        options: how; None: no model is trained.

    Attributes:
        state: off, waiting (for more answers), running or failed.
        texts: number of texts of the model that was trained last; 0: none.
        reason: why the last training failed; "": it did not.
    """

    def __init__(self, options: TrainingOptions | None) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._tried = 0
        self.state: State = "off" if options is None else "waiting"
        self.texts, self.reason = 0, ""

    def poll(self) -> bool:
        """Return whether a model has been completed since the last call."""
        if self._process is None or self._process.poll() is None:
            return False
        is_done = self._process.returncode == 0
        if is_done:
            self.texts, self.state, self.reason = self._tried, "waiting", ""
        else:
            self.state, self.reason = "failed", self._last_line()
        self._clean()
        return is_done

    def start_if_due(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Start a training, unless one runs or too little is new.

        Args:
            texts, labels: of the answers to learn from, [text].
        """
        if self._options is None or self._process is not None:
            return
        counts = Counter(labels)
        pairs = [pair for pair in zip(texts, labels, strict=True) if counts[pair[1]] >= MIN_OF_LABEL]
        is_new = len(pairs) >= max(MIN_TEXTS, GROWTH * self._tried)
        if is_new and len({label for _, label in pairs}) > 1:
            self._start(self._options, pairs)

    def fail(self, reason: str) -> None:
        """Note that a model that was trained cannot be used."""
        self.state, self.reason = "failed", reason[:_REASON]

    def stop(self) -> None:
        """End the process, if one runs; the model directory stays as it is."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._clean()

    def _start(self, options: TrainingOptions, pairs: Sequence[tuple[str, str]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="foretell-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        task = {
            "texts": [text for text, _ in pairs], "labels": [label for _, label in pairs],
            "out": str(options.out.absolute()), "preset": options.preset, "settings": dict(options.settings),
        }  # fmt: skip
        # Escaped, since a text may hold a lone surrogate.
        (folder / "task.json").write_text(json.dumps(task), encoding="ascii")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *_PROCESS, str(folder / "task.json")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                # Ctrl-C reaches the program alone, which ends this process.
                start_new_session=True,
            )
        self._tried, self.state, self.reason = len(pairs), "running", ""

    def _last_line(self) -> str:
        """Return the last line that the process printed: its error."""
        assert self._folder is not None
        lines = (Path(self._folder.name) / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "the process ended")
        return last.partition("Error: ")[2][:_REASON] or last[:_REASON]

    def _clean(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._folder = None
