"""A run guards what is there, and continues only as the training that it was: lock, signals, time."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.model import Model
from foretell.artifacts.weights import weight_shapes
from foretell.config import WordsSettings, with_changes
from foretell.errors import ArtifactError, Interrupted, RunError, SettingsError
from foretell.presets import LABELS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training import run as run_module
from foretell.training import run_lock
from foretell.training.ancestry import check_unchanged
from foretell.training.budget import Budget
from foretell.training.events import Event, Note
from foretell.training.interrupt import Interrupt, interrupted, nothing_to_resume
from foretell.training.options import TrainOptions
from foretell.training.quiet import load_tensorflow
from foretell.training.run import Request, Run, check_can_begin, folder_of, is_unfinished, read_request
from foretell.training.run_lock import RunLock

REQUEST = Request(job="words", settings=WordsSettings(units=8), data="abc")
LIMITED = dataclasses.replace(REQUEST, settings=WordsSettings(minutes=2.0))


def opened(out: Path, request: Request = REQUEST, **options: Any) -> Run:
    return Run.open(request, TrainOptions(out=out, **options))


def start_with_checkpoint(out: Path) -> None:
    with opened(out) as run:
        run.checkpoints.save(3, {"x": np.zeros(2)}, {})


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_it_lies_beside_the_model_directory(tmp_path: Path) -> None:
    folder_of(tmp_path / "model").mkdir()  # an empty folder is taken
    with opened(tmp_path / "model") as run:
        assert run.folder == tmp_path / "model.run"
        assert (run.folder / "request.json").is_file()
        assert read_request(tmp_path / "model")["settings"]["units"] == 8
        assert not (tmp_path / "model").exists()
    assert folder_of("model/") == Path.cwd() / "model.run"


def test_a_resumed_run_has_the_rest_of_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several commands on a clock of its own; what passes between them does not count."""
    now = [1_000.0]
    monkeypatch.setattr(run_module, "Budget", partial(Budget, clock=lambda: now[0]))

    def begun(**options: Any) -> Run:
        now[0] += 500
        return opened(tmp_path / "m", LIMITED, started=now[0], **options)

    def stop(run: Run) -> None:
        with run:
            now[0] += 30
            run.checkpoints.save(1, {}, {})
            now[0] += 10
            raise Interrupted(expected="an end", found="a signal", fix="resume")

    with pytest.raises(Interrupted):
        stop(begun())
    events: list[Event] = []
    with begun(resume=True, listener=events.append) as run:
        assert (run.budget.seconds(), run.budget.left()) == (40, 80)
        assert events[-1:] == [Note(text="80 of the 120 seconds of the time limit are left")]
        now[0] += 20
    with begun(resume=True) as run:
        assert (run.budget.seconds(), run.budget.left()) == (60, 60)
        now[0] += 100
    with begun(resume=True) as run:
        assert (run.budget.seconds(), run.budget.left()) == (160, 0)
        # One step, so that the epoch ends and is measured.
        assert run.budget.steps(3, 10) == 4
    (run.folder / "spent.json").write_text('{"seconds": "x"}')
    with begun(resume=True) as run:
        assert run.budget.left() == 120
    with begun(restart=True) as run:
        assert run.budget.left() == 120
    first, second = TrainOptions(out=Path("m")), TrainOptions(out=Path("m"))
    assert first.started <= second.started <= time.monotonic(), "each training of a process has its own time"


def test_a_run_that_is_killed_continues_with_the_rest_of_its_time(tmp_path: Path) -> None:
    load_tensorflow()
    child = os.fork()
    if child == 0:
        with opened(tmp_path / "m", LIMITED, started=time.monotonic() - 60) as run:
            run.checkpoints.save(1, {}, {})
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with opened(tmp_path / "m", LIMITED, resume=True) as run:
        assert run.checkpoints.latest().step == 1
        assert 0 < run.budget.left() <= 60


def test_an_unfinished_run_is_deleted_only_on_request(tmp_path: Path) -> None:
    # One without a checkpoint is replaced.
    opened(tmp_path / "m", preset="other").close()
    start_with_checkpoint(tmp_path / "m")
    assert read_request(tmp_path / "m")["preset"] == "base"
    with pytest.raises(RunError, match=r"resume.*restart"):
        opened(tmp_path / "m")
    assert is_unfinished(tmp_path / "m")
    opened(tmp_path / "m", restart=True).close()
    assert not is_unfinished(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        ({"data": "xyz"}, {}, "data"),
        ({"settings": WordsSettings(units=9, seed=2)}, {}, r"started with \(\w+=\d+, \w+=\d+\), found \w+="),
        ({}, {"preset": "x"}, "preset"),
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
    with opened(tmp_path / "m", dataclasses.replace(REQUEST, sources=["other name"]), resume=True) as run:
        assert run.checkpoints.latest().step == 3


def test_a_damaged_request_is_another_training(tmp_path: Path) -> None:
    start_with_checkpoint(tmp_path / "m")
    path = folder_of(tmp_path / "m") / "request.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "settings": "none"}))
    with pytest.raises(RunError, match=r"the settings that the run was started with \(none\)"):
        opened(tmp_path / "m", resume=True)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for folder in (tmp_path / "m.run", tmp_path / "n"):
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="did not make"):
        opened(tmp_path / "m", restart=True)
    with pytest.raises(ArtifactError):
        opened(tmp_path / "n", restart=True)
    assert (tmp_path / "m.run" / "thesis.txt").exists()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "m"), pytest.raises(RunError, match="another process"):
        opened(tmp_path / "m")
    assert not (tmp_path / ".m.run.lock").exists()


def test_one_of_many_that_begin_at_once_trains(tmp_path: Path) -> None:
    """With a lock in the folder, which is deleted and made anew, two of them train in every tenth round."""
    holders, together, refused = [], [], []

    def begin(start: threading.Barrier) -> None:
        start.wait()
        for _ in range(12):
            try:
                run = opened(tmp_path / "m", restart=True)
            except RunError:
                refused.append(0)
                continue
            holders.append(0)
            together.append(len(holders))
            run.checkpoints.save(1, {"x": np.zeros(2)}, {})
            together.append(len(holders))
            holders.pop()
            run.close()

    start = threading.Barrier(6)
    threads = [threading.Thread(target=begin, args=(start,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused
    assert set(together) == {1}


def test_a_lock_whose_file_was_deleted_meanwhile_is_not_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RunLock(tmp_path / "m.run")
    real, turns = run_lock._is_at, []

    def is_at(file: Any, path: Path) -> bool:
        if not turns:
            turns.append(0)
            path.unlink()
        return real(file, path)

    monkeypatch.setattr(run_lock, "_is_at", is_at)
    first.close()
    with closing(RunLock(tmp_path / "m.run")) as lock:
        assert turns
        # Closed again, the first one does not delete the file of the second.
        first.close()
        assert lock.path.exists()
        with pytest.raises(RunError, match="another process"):
            RunLock(tmp_path / "m.run")
    assert not lock.path.exists()


def test_without_flock_nothing_is_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with closing(RunLock(tmp_path / "m.run")) as first, closing(RunLock(tmp_path / "m.run")):
        assert first.path.exists()
    with monkeypatch.context() as windows:
        windows.setattr(run_lock.os, "name", "nt")
        assert run_lock._is_at(first._file, first.path)


def test_the_log_is_rewound_to_the_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path / "m") as run:
        for step in (1, 2, 3):
            run.log(step=step, loss=1.0 / step, valid_loss=None)
        with (run.folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 4, "lo')
        run.rewind(2)
        lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 1.0), (2, 0.5)]
    assert "valid_loss" not in lines[1]


def small_model(metrics: dict[str, Any]) -> Model:
    settings = WordsSettings(embedding_size=2, units=2)
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=False, vocabulary=2)
    shapes = weight_shapes(settings, tokenizer.size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return Model(
        job="words", preset="base", settings=settings, tokenizer=tokenizer, weights=weights, metrics=metrics
    )


def test_the_users_texts_stay_out_of_the_model(tmp_path: Path) -> None:
    evidence = {"text": "a secret", "label": "a", "predicted": "b", "probability": 0.9}
    with opened(tmp_path / "model") as run:
        run.cache.mkdir()
        (run.cache / "tokens.bin").write_bytes(b"a secret")
        run.finish(small_model({"accuracy": 1.0, "mistakes": [evidence]}))
    passed_on = [path for path in (tmp_path / "model").iterdir() if path.is_file()]
    assert passed_on
    assert not any(b"a secret" in path.read_bytes() for path in passed_on)
    assert "a secret" in (tmp_path / "model" / "run" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "model" / "run" / "cache").exists()
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
            run.interrupt.request()
            raise error


@pytest.mark.parametrize(("step", "found"), [(None, "before the first checkpoint"), (3, "after step 3")])
def test_a_signal_leaves_it_as_interrupted(tmp_path: Path, step: int | None, found: str) -> None:
    with pytest.raises(Interrupted, match=found) as caught:
        broken(tmp_path / "m", None, step=step)
    assert caught.value.exit_code == 143
    assert f"resume=True and out='{tmp_path / 'm'}'" in caught.value.fix
    opened(tmp_path / "m", resume=True).close()


def test_what_a_signal_breaks_is_interrupted_and_what_fails_by_itself_is_not(tmp_path: Path) -> None:
    """TensorFlow turns a KeyboardInterrupt in a Python operator into an error of its own."""
    with pytest.raises(Interrupted):
        broken(tmp_path / "m", ValueError("a broken operator"))
    with pytest.raises(RunError, match="disk"):
        broken(tmp_path / "m", RunError(expected="room", found="a full disk"))
    with pytest.raises(ValueError, match="a bug"), opened(tmp_path / "m"):
        raise ValueError("a bug")
    error = Interrupted(expected="an end", found="a signal", where="here", fix="resume it like this")
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


def test_tensorboard_gets_what_is_logged(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    with opened(tmp_path / "m", tensorboard=tmp_path / "board") as run:
        run.log(step=1, loss=0.5, accuracy=None)
        run.log_graph(tf.function(lambda x: x + 1).get_concrete_function(tf.constant(1.0)).graph)
        run.close()
        # Once closed there is nothing to write to.
        run.log_graph(tf.Graph())
    written = b"".join(path.read_bytes() for path in (tmp_path / "board").iterdir())
    assert b"loss" in written
    assert b"accuracy" not in written


@pytest.mark.parametrize("where", ["make_directories", "take_place"])
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(run_module, where, full_disk)
    with pytest.raises(RunError, match=r"expected a folder that can be written, found .*No space left"):
        opened(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_the_time_is_noted_again_and_again_and_where_it_cannot_be_that_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_SECONDS_BETWEEN_NOTES", 0.01)
    path = tmp_path / "m.run" / "spent.json"
    with opened(tmp_path / "m") as run:
        for _ in range(3):
            path.unlink(missing_ok=True)
            until = time.monotonic() + 30
            while not path.exists():
                assert time.monotonic() < until
                time.sleep(0.01)
        monkeypatch.setattr(run_module, "replace_file", full_disk)
        path.unlink(missing_ok=True)
    assert not run._noting.is_alive()
    assert not path.exists()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="a file"):
        opened(tmp_path / "file" / "m")
    # A link to nowhere, where a folder would have to be made.
    (tmp_path / "under").symlink_to(tmp_path / "nowhere" / "deep")
    with pytest.raises((RunError, ArtifactError)):
        opened(tmp_path / "under" / "m")
    with pytest.raises(RunError, match=r"expected a folder that can be written, found .*No such file"):
        RunLock(tmp_path / "nowhere" / "m.run")
    if Path("/proc/self").exists():
        # Its permissions allow it to root.
        with pytest.raises(ArtifactError, match="a directory to write in"):
            check_can_begin(TrainOptions(out=Path("/proc/model")))


@pytest.mark.parametrize(
    "options",
    [{"checkpoint_seconds": 0.0}, {"checkpoint_seconds": math.nan}, {"resume": True, "restart": True}],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"checkpoint-seconds: expected more than 0|found both"):
        TrainOptions(out=Path("m"), **options)


EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_signal_stops_where_the_main_thread_is_or_is_deferred(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert interrupt.signal == number
    assert interrupt.exit_code() == EXIT_CODES[number]
    assert signal.getsignal(number) is before
    with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
        assert not interrupt.at(1)
        os.kill(os.getpid(), number)
        assert interrupt.at(2)
        with pytest.raises(Interrupted, match=number.name):
            interrupt.check()


def test_a_signal_that_nobody_asked_for_is_raised_when_it_is_no_longer_deferred() -> None:
    done = []

    def train(interrupt: Interrupt) -> None:
        with interrupt.deferred():
            with interrupt.deferred():
                os.kill(os.getpid(), signal.SIGINT)
            done.append("the last step")
        done.append("what follows")

    with Interrupt() as interrupt, pytest.raises(Interrupted):
        train(interrupt)
    assert done == ["the last step"]


def test_a_second_signal_has_its_effect_without_foretell() -> None:
    """Python's own for SIGINT, here; for SIGTERM, a handler of the program."""
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            assert received == [signal.SIGTERM]
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_ignored_signal_stays_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_worker_threads_stop_at_their_check() -> None:
    started = threading.Event()

    def work(interrupt: Interrupt) -> None:
        while True:
            started.set()
            interrupt.check()

    with Interrupt() as interrupt, ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(work, interrupt) for _ in range(2)]
        started.wait()
        interrupt.request(signal.SIGTERM)
        for future in futures:
            with pytest.raises(Interrupted):
                future.result(timeout=10)


def test_off_the_main_thread_it_can_be_requested() -> None:
    def work() -> None:
        with Interrupt() as interrupt:
            interrupt.request()
            interrupt.check()

    with ThreadPoolExecutor(1) as threads, pytest.raises(Interrupted):
        threads.submit(work).result(timeout=10)


@pytest.mark.parametrize(
    ("program", "fix"),
    [
        ("/usr/bin/foretell", "foretell train words 'my notes.txt' --out m --resume"),
        ("/x/foretell/__main__.py", "foretell train words 'my notes.txt' --out m --resume"),
        ("/x/pytest/__main__.py", "train again with resume=True and out='m'"),
    ],
)
def test_the_error_names_the_command_that_resumes(
    monkeypatch: pytest.MonkeyPatch, program: str, fix: str
) -> None:
    monkeypatch.setattr("sys.argv", [program, "train", "words", "my notes.txt", "--out", "m", "--restart"])
    error = interrupted(12, Path("m"))
    assert (error.exit_code, error.fix) == (130, fix)
    assert "after step 12" in str(error)


def test_a_temporary_run_ends_with_a_keyboard_interrupt() -> None:
    """scikit-learn's searches would take an `Exception` for the failure of one model, and go on."""
    with pytest.raises(KeyboardInterrupt, match="out="), nothing_to_resume(is_temporary=True):
        raise interrupted(3, Path("m"))
    with pytest.raises(Interrupted, match="resume=True"), nothing_to_resume(is_temporary=False):
        raise interrupted(3, Path("m"))


def test_a_setting_that_stays_may_not_change() -> None:
    own = LABELS_PRESETS["base"]
    other = with_changes(own, {"units": 3, "epochs": 2})
    check_unchanged(own, other, ("network", "tokens"), name=None, changes={"units": 3}, data="data")
    with pytest.raises(
        SettingsError, match=r"units 64, as in the model to continue, found 3; .* on all data"
    ):
        check_unchanged(own, other, ("units",), name=None, changes={"units": 3}, data="data")
    with pytest.raises(SettingsError, match=r"found 3 \(preset quick\); .* on all text"):
        check_unchanged(own, other, ("units",), name="quick", changes={}, data="text")
