"""Sessions and threads, also in forked children; work that nobody waits for stops."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.session import Threads
from foretell.runtime.stopping import StoppedError, check_stopped, stops_when
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import write_classifier

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# The text that only the Rust library tokenizes, and many plain ones, so that every kind of thread
# has run.
_PRELUDE = """
import os, sys, threading
import foretell
from foretell.runtime.open import open_model

def in_child(work):
    \"\"\"Return what `work` prints in a forked child; fail where the child hangs or fails.\"\"\"
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        threading.Timer(10, os._exit, (3,)).start()
        try:
            os.write(write, repr(work()).encode())
            os._exit(0)
        finally:
            os._exit(4)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, answer
    return eval(answer)

TEXTS = ["the mind adapts", "字 the obstacle \\u0130"] * 700
"""


def run_script(script: str, *arguments: object) -> str:
    """Run a script after the prelude and return what it prints."""
    # From Python 3.12 on every fork of a process with threads warns; these forks are the point of
    # the test.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c"]
    done = subprocess.run(
        [*command, _PRELUDE + textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@forks
def test_a_child_answers_after_its_parent_has(
    classifier: LabelsRuntime, interpolated: WordsRuntime
) -> None:
    run_script(
        """
        model, words = open_model(sys.argv[1]), open_model(sys.argv[2], threads=2)
        def answers():
            explained = model.explain("the mind adapts and converts to its own purposes " * 6)
            return (
                model.predict_proba(TEXTS).tolist(),
                [verdict.probability for verdict in model.classify(TEXTS)],
                [word.effect for word in explained.words],
                words.next("the mind", k=3)[0].probability,
                "".join(words.complete("the mind adapts " * 60, words=9, seed=3)),
                words.score(["the mind adapts and converts"] * 900).log_probability,
            )
        before = answers()
        assert in_child(answers) == before
        assert in_child(lambda: in_child(answers)) == before, "a grandchild"
        assert answers() == before, "the parent goes on"
        """,
        classifier.path,
        interpolated.path,
    )


@forks
def test_a_child_of_a_busy_parent_answers(lstm: WordsRuntime) -> None:
    """With the session of a parent whose threads are in ONNX Runtime, one child in ten hangs."""
    run_script(
        """
        model = open_model(sys.argv[1])
        stop = threading.Event()
        def work():
            while not stop.is_set():
                model.next("mind", k=1)
        busy = [threading.Thread(target=work) for _ in range(3)]
        for thread in busy:
            thread.start()
        try:
            wanted = model.next("the mind", k=2)[1].probability
            for _ in range(15):
                assert in_child(lambda: model.next("the mind", k=2)[1].probability) == wanted
        finally:
            stop.set()
            for thread in busy:
                thread.join()
        """,
        lstm.path,
    )


@forks
def test_a_child_uses_no_other_model_that_has_taken_the_place(
    classifier: LabelsRuntime, labels_model, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(classifier.path, tmp_path / "model"))
    other = labels_model("quick", embedding_size=7)
    run_script(
        """
        import shutil
        model = open_model(sys.argv[1])
        before = model.predict_proba(TEXTS[:9]).tolist()
        shutil.rmtree(sys.argv[1])
        assert in_child(lambda: model.predict_proba(TEXTS[:9]).tolist()) == before, "the files are gone"
        shutil.copytree(sys.argv[2], sys.argv[1])
        assert in_child(lambda: model.predict_proba(TEXTS[:9]).tolist()) == before, "another model is there"
        """,
        path,
        other.path,
    )


def test_only_this_thread_stops_and_only_in_the_block() -> None:
    seen = []
    with stops_when(lambda: True):
        with pytest.raises(StoppedError, match="given up"):
            check_stopped()
        other = threading.Thread(target=lambda: seen.append(check_stopped()))
        other.start()
        other.join()
        with stops_when(lambda: False):
            check_stopped()
        with pytest.raises(StoppedError):
            check_stopped()
    check_stopped()
    assert seen == [None]


def test_a_caller_of_many_items_leaves_turns_to_others() -> None:
    done = list[str]()
    threads = Threads(1, "turns")
    many = threads.map(done.append, ["many"] * 99)
    next(many)
    assert list(threads.map(done.append, ["one"])) == [None]
    assert len(done) < 6
    many.close()
    assert list(threads.map(str, range(9))) == list("012345678")


def test_a_teacher_is_asked_on_the_thread_that_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    both = LabelsRuntime(write_classifier(tmp_path / "both"))
    monkeypatch.setattr(
        both, "_teacher", lambda _: asked.append(threading.get_ident()) or np.zeros(1)
    )
    both.predict_proba(["the mind"] * 99)
    assert {*asked} == {threading.get_ident()}


def test_a_classifier_stops_between_two_batches(classifier: LabelsRuntime) -> None:
    turns = iter([False] * 3)
    with stops_when(lambda: next(turns, True)), pytest.raises(StoppedError):
        classifier.predict_proba(["the mind"] * 400)
    assert len(classifier.predict_proba(["the mind"] * 400)) == 400


def test_the_telemetry_of_onnx_runtime_is_off(tmp_path: Path) -> None:
    """It is on by default, and writes an identifier and a queue of events as soon as a model is
    opened.
    """
    path = write_classifier(tmp_path / "model")
    (home := tmp_path / "home").mkdir()
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(home))
    # Each of these variables switches it off.
    off = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
    environment = {name: value for name, value in os.environ.items() if name not in off} | places
    program = f"import foretell; foretell.load({str(path)!r}).predict(['a text'])"
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert not list(home.rglob("*"))
