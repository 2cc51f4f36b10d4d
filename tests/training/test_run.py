"""A run guards what is there, and continues only as the training that it was: lock, signals,
time.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import sys
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import ArtifactError, Interrupted, RunError
from foretell.training import run as run_module
from foretell.training import run_lock
from foretell.training.budget import Budget
from foretell.training.events import Event, Note
from foretell.training.interrupt import Interrupt, interrupted, nothing_to_resume
from foretell.training.options import TrainOptions
from foretell.training.quiet import forgotten_gradients
from foretell.training.run import Request, Run, check_can_begin, folder_of
from foretell.training.run_lock import RunLock
from tests.builders import random_model

REQUEST = Request(job="words", settings=WordsSettings(units=8), data="abc")
LIMITED = dataclasses.replace(REQUEST, settings=WordsSettings(minutes=2.0))


def opened(out: Path, request: Request = REQUEST, **options: Any) -> Run:
    return Run.open(request, TrainOptions(out=out, **options))


def start_with_checkpoint(out: Path) -> None:
    with opened(out) as run:
        run.checkpoints.save(3, {"x": np.zeros(2)}, {})


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_resumed_run_has_the_rest_of_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several commands on a clock of its own; what passes between them does not count."""
    now = [1_000.0]
    monkeypatch.setattr(run_module, "Budget", partial(Budget, clock=lambda: now[0]))

    def begun(**options: Any) -> Run:
        now[0] += 500
        return opened(tmp_path / "m", LIMITED, started=now[0], **options)

    with begun() as run:
        now[0] += 30
        run.checkpoints.save(1, {}, {})
        now[0] += 10
    events: list[Event] = []
    with begun(resume=True, listener=events.append) as run:
        assert (run.budget.seconds(), run.budget.left()) == (40, 80)
        assert events[-1:] == [Note(text="80 of the 120 seconds of the time limit are left")]
        now[0] += 120
    with begun(resume=True) as run:
        assert (run.budget.seconds(), run.budget.left()) == (160, 0)
        # One step, so that the epoch ends and is measured.
        assert run.budget.steps(3, 10) == 4
    (run.folder / "spent.json").write_text('{"seconds": "x"}')
    for options in ({"resume": True}, {"restart": True}):
        with begun(**options) as run:
            assert run.budget.left() == 120
    first = TrainOptions(out=Path("m"))
    second = TrainOptions(out=Path("m"))
    assert first.started <= second.started <= time.monotonic(), (
        "each training of a process has its own time"
    )


def test_a_run_that_is_killed_continues_with_the_rest_of_its_time(tmp_path: Path) -> None:
    noted = tmp_path / "m.run" / "spent.json"
    child = os.fork()
    if child == 0:
        run_module._SECONDS_BETWEEN_NOTES = 0.01
        with opened(tmp_path / "m", LIMITED, started=time.monotonic() - 60) as run:
            run.checkpoints.save(1, {}, {})
            while not noted.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with opened(tmp_path / "m", LIMITED, resume=True) as run:
        assert run.checkpoints.latest().step == 1
        assert 0 < run.budget.left() <= 60


def test_time_that_cannot_be_noted_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "replace_file", full_disk)
    with opened(tmp_path / "m") as run:
        pass
    assert not run._noting.is_alive()
    assert not (tmp_path / "m.run" / "spent.json").exists()


def test_an_unfinished_run_is_deleted_only_on_request(tmp_path: Path) -> None:
    # One without a checkpoint is replaced.
    opened(tmp_path / "m", preset="other").close()
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=r"resume.*restart"):
        opened(tmp_path / "m")
    assert any((tmp_path / "m.run" / "checkpoints").iterdir())
    opened(tmp_path / "m", restart=True).close()
    assert not (tmp_path / "m.run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        ({"data": "xyz"}, {}, "data"),
        (
            {"settings": WordsSettings(units=9, seed=2)},
            {},
            r"started with \(\w+=\d+, \w+=\d+\), found \w+=",
        ),
        ({}, {"preset": "x"}, "preset"),
        ({}, {"given": frozenset({"units"})}, "given settings"),
    ],
)
def test_resume_is_refused_for_another_training(
    tmp_path: Path, change: dict[str, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(RunError, match="without --resume"):
        opened(tmp_path / "m", resume=True)
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=named):
        opened(tmp_path / "m", dataclasses.replace(REQUEST, **change), resume=True, **options)
    assert not (tmp_path / ".m.run.lock").exists()
    with opened(tmp_path / "m", resume=True) as run:
        assert run.checkpoints.latest().step == 3


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for folder in (tmp_path / "m.run", tmp_path / "n"):
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="did not make"):
        opened(tmp_path / "m", restart=True)
    with pytest.raises(ArtifactError):
        opened(tmp_path / "n", restart=True)
    assert (tmp_path / "m.run" / "thesis.txt").exists()
    with pytest.raises(ArtifactError, match="a file"):
        opened(tmp_path / "n" / "thesis.txt" / "m")
    if Path("/proc/self").exists():
        # Its permissions allow it to root.
        with pytest.raises(ArtifactError, match="a directory to write in"):
            check_can_begin(TrainOptions(out=Path("/proc/model")))


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    folder_of(tmp_path / "m").mkdir()  # an empty folder is taken
    with opened(tmp_path / "m") as run, pytest.raises(RunError, match="another process"):
        opened(tmp_path / "m")
    assert run.folder == tmp_path / "m.run"
    assert not (tmp_path / ".m.run.lock").exists()
    assert folder_of("model/") == Path.cwd() / "model.run"


def test_a_lock_whose_file_was_deleted_meanwhile_is_not_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RunLock(tmp_path / "m.run")
    lock = run_lock.lock
    turns = []

    def deleted(file: Any) -> bool:
        if not turns:
            first.close()
        turns.append(0)
        return lock(file)

    monkeypatch.setattr(run_lock, "lock", deleted)
    with closing(RunLock(tmp_path / "m.run")) as second:
        assert len(turns) == 2
        # Closed again, the first one does not delete the file of the second.
        first.close()
        with pytest.raises(RunError, match="another process"):
            RunLock(tmp_path / "m.run")
    assert not second.path.exists()
    # Without flock, as on Windows, nothing is guarded.
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with closing(RunLock(tmp_path / "m.run")), closing(RunLock(tmp_path / "m.run")):
        pass


def test_the_log_is_rewound_to_the_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path / "m") as run:
        assert run.resumed() is None
        for step in (1, 2, 3):
            run.log(step=step, loss=1.0 / step, valid_loss=None)
        run.checkpoints.save(2, {}, {})
        with (run.folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 4, "lo')
    with opened(tmp_path / "m", resume=True) as run:
        assert run.resumed().step == 2
        lines = [
            json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()
        ]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 1.0), (2, 0.5)]
    assert "valid_loss" not in lines[1]


def small_model(metrics: dict[str, Any]) -> Model:
    return random_model(WordsSettings(embedding_size=2, units=2), metrics=metrics)


def test_the_users_texts_stay_out_of_the_model(tmp_path: Path) -> None:
    with opened(tmp_path / "model") as run:
        run.cache.mkdir()
        (run.cache / "tokens.bin").write_bytes(b"a secret")
        run.checkpoints.save(1, {}, {})
        run.finish(small_model({"accuracy": 1.0}))
    passed_on = [path for path in (tmp_path / "model").iterdir() if path.is_file()]
    assert passed_on
    assert not any(b"a secret" in path.read_bytes() for path in passed_on)
    # Larger than the model, and nothing reads them any longer.
    for folder in ("cache", "checkpoints"):
        assert not (tmp_path / "model" / "run" / folder).exists()
    # The finished model is replaced only on request.
    for options in ({}, {"restart": True}):
        with pytest.raises(RunError, match=r"found a finished model; .*overwrite"):
            opened(tmp_path / "model", **options)
    opened(tmp_path / "model", overwrite=True).close()


def broken(out: Path, error: Exception | None, *, step: int | None = None) -> None:
    """Receive a signal in a run, after a step, and fail or not."""
    with opened(out) as run:
        if step is not None:
            run.checkpoints.save(step, {}, {})
        if error is None:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            run.interrupt.signal = signal.SIGINT
            raise error


@pytest.mark.parametrize(
    ("step", "found"), [(None, "before the first checkpoint"), (3, "after step 3")]
)
def test_a_signal_leaves_it_as_interrupted(tmp_path: Path, step: int | None, found: str) -> None:
    with pytest.raises(Interrupted, match=found) as caught:
        broken(tmp_path / "m", None, step=step)
    assert caught.value.exit_code == 143
    assert f"resume=True and out='{tmp_path / 'm'}'" in caught.value.fix
    opened(tmp_path / "m", resume=True).close()


def test_a_signal_while_an_interrupted_run_is_closed_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two SIGTERM in a row, of which the second would end the process with -15 instead of
    143.
    """
    close = Run.close
    received = []

    def signalled(run: Run) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        close(run)

    monkeypatch.setattr(Run, "close", signalled)
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with pytest.raises(Interrupted) as caught:
            broken(tmp_path / "m", None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (caught.value.exit_code, received) == (143, [])


def test_what_a_signal_breaks_is_interrupted_and_what_fails_by_itself_is_not(
    tmp_path: Path,
) -> None:
    """TensorFlow turns a KeyboardInterrupt in a Python operator into an error of its own."""
    with pytest.raises(Interrupted):
        broken(tmp_path / "m", ValueError("a broken operator"))
    with pytest.raises(RunError, match="disk"):
        broken(tmp_path / "m", RunError(expected="room", found="a full disk"))
    with pytest.raises(ValueError, match="a bug"), opened(tmp_path / "m"):
        raise ValueError("a bug")
    error = Interrupted(
        expected="an end", found="a signal", where="here", fix="resume it like this"
    )
    with pytest.raises(Interrupted) as caught:
        broken(tmp_path / "m", error)
    assert caught.value is error
    assert (error.exit_code, error.fix) == (130, "resume it like this")


def test_a_signal_while_writing_can_be_resumed_and_one_after_it_is_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model = run_module.write_model

    def interrupted_before(*args: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        write_model(*args, **options)

    def interrupted_after(*args: Any, **options: Any) -> None:
        write_model(*args, **options)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(run_module, "write_model", interrupted_before)
    with pytest.raises(Interrupted), opened(tmp_path / "m") as run:
        run.finish(small_model({}))
    monkeypatch.setattr(run_module, "write_model", interrupted_after)
    with opened(tmp_path / "m", resume=True) as run:
        run.finish(small_model({}))
    assert (tmp_path / "m" / "run" / "report.html").exists()
    assert not run.folder.exists()


@pytest.mark.parametrize("where", ["make_directories", "take_place"])
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(run_module, where, full_disk)
    with pytest.raises(
        RunError, match=r"expected a folder that can be written, found .*No space left"
    ):
        opened(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_where_the_main_thread_is_or_is_deferred(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert interrupt.signal == number
    assert signal.getsignal(number) is before
    done = []
    with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
        with interrupt.deferred():
            assert not interrupt.at(1)
            os.kill(os.getpid(), number)
            assert interrupt.at(2)
        # It is raised where nothing defers it any more.
        done.append("the last step")
        with pytest.raises(Interrupted, match=number.name):
            interrupt.check()
    assert done


def test_an_ignored_signal_stays_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupt.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_error_names_the_command_that_resumes() -> None:
    """The command line shows its own command instead: tests/cli/test_train.py."""
    error = interrupted(12, Path("m"))
    assert (error.exit_code, error.fix) == (130, "train again with resume=True and out='m'")
    assert "after step 12" in str(error)
    with pytest.raises(Interrupted, match="resume=True"), nothing_to_resume(is_temporary=False):
        raise error
    # In a temporary folder: scikit-learn's searches take an `Exception` for the failure of one
    # model.
    with pytest.raises(KeyboardInterrupt, match="out="), nothing_to_resume(is_temporary=True):
        raise error


def test_the_graphs_of_trainings_are_forgotten() -> None:
    import tensorflow as tf
    from tensorflow.python.framework import ops

    def registered(module: str = "foretell.networks.lstm_layer") -> set[str]:
        def gradient(d: tf.Tensor) -> Any:
            return 2 * d

        gradient.__module__ = module

        @tf.function
        @tf.custom_gradient
        def twice(x: tf.Tensor) -> Any:
            return 2 * x, gradient

        before = set(ops.gradient_registry._registry)
        twice(tf.constant(1.0))
        new: set[str] = ops.gradient_registry._registry.keys() - before
        assert new
        return new

    others = registered()
    first = forgotten_gradients()
    second = forgotten_gradients()
    with first:
        names = registered()
        of_listener = registered("__main__")
        # As in another thread: the end of one training leaves the gradients of the other.
        with second:
            names |= registered()
        assert names <= ops.gradient_registry._registry.keys()
    assert not names & ops.gradient_registry._registry.keys()
    assert others | of_listener <= ops.gradient_registry._registry.keys()


def test_a_training_leaves_no_graph(tmp_path: Path) -> None:
    from tensorflow.python.framework import ops

    from tests.training.words.small import SMALL, noisy_corpus, trained

    before = set(ops.gradient_registry._registry)
    trained(noisy_corpus(), SMALL, tmp_path / "m")
    assert set(ops.gradient_registry._registry) <= before
