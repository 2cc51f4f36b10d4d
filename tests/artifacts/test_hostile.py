"""Model directories that were made to do harm are refused, each with a typed error, before much is
read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from artifacts.hostile import cases
from artifacts.hostile_teachers import HARMLESS, teachers

from foretell.runtime.open import open_model
from tests.builders import write_classifier
from tests.encoders import kept_teacher

MAX_CPU_SECONDS = 5.0
MAX_MEGABYTES = 600

# Opens each directory, and notes what is touched outside of it.
_OPEN = """
import difflib, json, os, resource, sys, time
from pathlib import Path
from foretell.errors import ForetellError
from foretell.runtime.open import open_model
import foretell.runtime.labels.classifier, foretell.runtime.words.predictor
from foretell.runtime import encoder, trial

root = Path(sys.argv[1])
touched, current = [], None
WATCHED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "ctypes.", "import")

def watch(event, arguments):
    if current is None:
        return
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.fsdecode(arguments[0])
        if os.path.dirname(path) != str(current):
            touched.append((event, path))
    elif event == "subprocess.Popen" and arguments[1][2] == trial.__file__:
        pass
    elif event.startswith(WATCHED) and (event != "import" or arguments[0] not in sys.modules):
        touched.append((event, str(arguments)[:200]))

def attempt(directory):
    began = time.process_time()
    try:
        opened = open_model(directory)
        kind = "answered"
        if not 0 <= opened.predict_proba(["a good aaaaaaaaab" * 9]).min() <= 1:
            kind = "answered with no probability"
    except ForetellError as error:
        kind, text = "typed", str(error)
        if "\\n" in text or len(text) > 1500:
            kind = "not one line"
    except BaseException as error:
        kind = f"{type(error).__name__}: {error}"[:300]
    return kind, time.process_time() - began

attempt(root / "0")
sys.addaudithook(watch)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for directory in sorted(root.iterdir(), key=lambda path: int(path.name)):
    current, touched[:] = directory, []
    answer = attempt(directory)
    current = None
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps([*answer, touched, grown]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc and /dev")
@pytest.mark.parametrize("kind", ["directories", "teachers"])
def test_hostile_directories_are_refused(tmp_path: Path, kind: str) -> None:
    parts, changes, harmless, least = {
        "directories": ({}, cases, (), 140),
        "teachers": ({"teacher": kept_teacher(1)}, teachers, HARMLESS, 60),
    }[kind]
    valid = write_classifier(tmp_path / "valid", **parts)
    assert np.isfinite(open_model(valid).predict_proba(["a good film"])).all()
    made = changes()
    assert len(made) >= least
    for i, change in enumerate(made.values()):
        change(Path(shutil.copytree(valid, tmp_path / "changed" / str(i))))
    command = [sys.executable, "-c", _OPEN, str(tmp_path / "changed")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = []
    for name, (kind, seconds, touched, grown) in zip(made, results, strict=True):
        refused = kind == "typed" or (name.startswith(harmless) and kind == "answered")
        if not refused or touched or seconds > MAX_CPU_SECONDS or grown > MAX_MEGABYTES:
            wrong.append((name, kind, touched, seconds, grown))
    assert not wrong, "\n".join(map(str, wrong))
