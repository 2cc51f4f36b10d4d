"""A run guards what is there, and continues only as the training that it was: lock, signals, time."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import signal
import subprocess
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
from foretell.training import run_lock, spent_time
from foretell.training.ancestry import check_unchanged
from foretell.training.budget import Budget
from foretell.training.events import Event, Note
from foretell.training.interrupt import Interrupt, interrupted, nothing_to_resume
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run, check_can_begin, folder_of, is_unfinished, read_request
from foretell.training.run_lock import RunLock
from foretell.training.spent_time import SpentTime, read_spent_time

REQUEST = Request(job="words", settings=WordsSettings(units=8), data="abc")


def opened(out: Path, request: Request = REQUEST, **options: Any) -> Run:
    return Run.open(request, TrainOptions(out=out, **options))


def start_with_checkpoint(out: Path) -> None:
    with opened(out) as run:
        run.checkpoints.save(3, {"x": np.zeros(2)}, {})


def test_it_lies_beside_the_model_directory(tmp_path: Path) -> None:
    with opened(tmp_path / "model") as run:
        assert run.folder == tmp_path / "model.run"
        assert read_request(tmp_path / "model")["settings"]["units"] == 8
        assert not (tmp_path / "model").exists()
    assert folder_of("model/") == Path.cwd() / "model.run"


def test_its_time_limit_counts_from_the_start_of_its_command(tmp_path: Path) -> None:
    request = dataclasses.replace(REQUEST, settings=WordsSettings(minutes=2.0))
    for earlier in (0.0, 60.0):
        options = TrainOptions(out=tmp_path / "m")
        with Run.open(request, dataclasses.replace(options, started=options.started - earlier)) as run:
            assert run.budget.left() == pytest.approx(120 - earlier, abs=5)
            assert run.budget.seconds() == pytest.approx(earlier, abs=5)


def test_a_resumed_run_has_the_rest_of_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three commands on a clock of its own; what passes between them does not count."""
    now = [1_000.0]
    monkeypatch.setattr(run_module, "Budget", partial(Budget, clock=lambda: now[0]))
    request = dataclasses.replace(REQUEST, settings=WordsSettings(minutes=2.0))

    def begun(**options: Any) -> Run:
        now[0] += 500
        return opened(tmp_path / "m", request, started=now[0], **options)

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
        run.checkpoints.save(2, {}, {})
        # What a kill loses: the time since the checkpoint.
        now[0] += 7
    with begun(resume=True) as run:
        assert (run.budget.seconds(), run.budget.left()) == (60, 60)
        now[0] += 100
        run.checkpoints.save(3, {}, {})
    with begun(resume=True) as run:
        assert (run.budget.seconds(), run.budget.left()) == (160, 0)
        # One step, so that the epoch ends and is measured.
        assert run.budget.steps(3, 10) == 4
        run.budget.step_done()
        assert run.budget.steps(4, 10) == 4
    with begun(restart=True) as run:
        assert run.budget.left() == 120


def test_a_run_that_is_killed_continues_with_the_rest_of_its_time(tmp_path: Path) -> None:
    program = f"""
import os, signal, time
from pathlib import Path
from foretell.config import WordsSettings
from foretell.training.events import Event, Note
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run

request = Request(job="words", settings=WordsSettings(minutes=20.0), data="abc")
options = TrainOptions(out=Path({str(tmp_path / "m")!r}), started=time.monotonic() - 60)
with Run.open(request, options) as run:
    run.checkpoints.save(1, {{}}, {{}})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    request = dataclasses.replace(REQUEST, settings=WordsSettings(minutes=20.0))
    with opened(tmp_path / "m", request, resume=True) as run:
        assert run.checkpoints.latest().step == 1
        # What the process took on a busy machine is less than ten minutes.
        assert 540 < run.budget.left() <= 1140


def test_an_error_stays_what_it_is_where_the_time_cannot_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.spent_time.replace_file", full_disk)
    with pytest.raises(ValueError, match="a bug"), opened(tmp_path / "m"):
        raise ValueError("a bug")
    with pytest.raises(RunError, match="No space left"), opened(tmp_path / "m") as run:
        run.checkpoints.save(1, {}, {})


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_unfinished_run_is_deleted_only_on_request(tmp_path: Path) -> None:
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=r"resume.*restart"):
        opened(tmp_path / "m")
    assert is_unfinished(tmp_path / "m")
    opened(tmp_path / "m", restart=True).close()
    assert not is_unfinished(tmp_path / "m")


def test_one_without_a_checkpoint_is_replaced(tmp_path: Path) -> None:
    opened(tmp_path / "m").close()
    opened(tmp_path / "m", preset="other").close()
    assert read_request(tmp_path / "m")["preset"] == "other"


@pytest.mark.parametrize(
    ("request_change", "options", "named"),
    [
        ({"data": "xyz"}, {}, "data"),
        ({"settings": WordsSettings(units=8, seed=2)}, {}, "seed=2"),
        ({}, {"preset": "x"}, "preset"),
    ],
)
def test_resume_is_refused_for_another_training(
    tmp_path: Path, request_change: dict[str, Any], options: dict[str, Any], named: str
) -> None:
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=named):
        opened(tmp_path / "m", dataclasses.replace(REQUEST, **request_change), resume=True, **options)
    with opened(tmp_path / "m", dataclasses.replace(REQUEST, sources=["other name"]), resume=True) as run:
        assert run.checkpoints.latest().step == 3


def test_all_settings_that_differ_are_named(tmp_path: Path) -> None:
    start_with_checkpoint(tmp_path / "m")
    other = dataclasses.replace(REQUEST, settings=WordsSettings(units=9, seed=2))
    with pytest.raises(RunError, match=r"started with \(\w+=\d+, \w+=\d+\), found \w+=\d+, \w+=\d+;"):
        opened(tmp_path / "m", other, resume=True)


def test_a_damaged_request_is_another_training(tmp_path: Path) -> None:
    start_with_checkpoint(tmp_path / "m")
    path = folder_of(tmp_path / "m") / "request.json"
    asked = json.loads(path.read_text())
    assert asked["started"] == pytest.approx(time.time(), abs=3600)
    path.write_text(json.dumps({**asked, "settings": "none"}))
    with pytest.raises(RunError, match=r"the settings that the run was started with \(none\)"):
        opened(tmp_path / "m", resume=True)


def test_an_empty_folder_in_its_place_is_taken(tmp_path: Path) -> None:
    folder_of(tmp_path / "m").mkdir()
    opened(tmp_path / "m").close()
    assert (folder_of(tmp_path / "m") / "request.json").is_file()


def test_resume_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="without --resume"):
        opened(tmp_path / "m", resume=True)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m.run").mkdir()
    (tmp_path / "m.run" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="did not make"):
        opened(tmp_path / "m", restart=True)
    assert (tmp_path / "m.run" / "thesis.txt").exists()
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError):
        opened(tmp_path / "n", restart=True)


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "m"), pytest.raises(RunError, match="another process"):
        opened(tmp_path / "m")


def test_its_lock_is_not_in_the_folder_and_goes_with_the_run(tmp_path: Path) -> None:
    with opened(tmp_path / "m") as run:
        assert [path.name for path in run.folder.iterdir()] == ["request.json"]
        assert (tmp_path / ".m.run.lock").exists()
    assert not (tmp_path / ".m.run.lock").exists()
    with pytest.raises(RunError, match="units"):
        opened(tmp_path / "m", dataclasses.replace(REQUEST, settings=WordsSettings(units=9)), resume=True)
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


def test_a_lock_whose_file_was_deleted_meanwhile_is_not_one(tmp_path: Path, monkeypatch) -> None:
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
        assert lock.path.exists()
        with pytest.raises(RunError, match="another process"):
            RunLock(tmp_path / "m.run")


def test_the_log_is_rewound_to_the_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path / "m") as run:
        for step in (1, 2, 3):
            run.log(step=step, loss=1.0 / step, valid_loss=None)
        with (run.folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 4, "lo')
        run.rewind(2)
        lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[1]["loss"] == 0.5
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
        (run.cache / "tokens.npy").write_bytes(b"a secret")
        run.finish(small_model({"accuracy": 1.0, "mistakes": [evidence]}))
    passed_on = [path for path in (tmp_path / "model").iterdir() if path.is_file()]
    assert passed_on
    assert not any(b"a secret" in path.read_bytes() for path in passed_on)
    assert "a secret" in (tmp_path / "model" / "run" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "model" / "run" / "cache").exists()
    assert not (tmp_path / "model" / "run" / "lock").exists()


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


def test_a_signal_while_writing_can_be_resumed_and_one_after_it_is_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretell.training import run as module

    write_model = module.write_model

    def interrupted_before(*args: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        write_model(*args, **options)

    def interrupted_after(*args: Any, **options: Any) -> None:
        write_model(*args, **options)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(module, "write_model", interrupted_before)
    with pytest.raises(Interrupted), opened(tmp_path / "m") as run:
        run.finish(small_model({}))
    monkeypatch.setattr(module, "write_model", interrupted_after)
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


def test_where_no_folder_can_be_made_the_error_names_the_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="a file"):
        opened(tmp_path / "file" / "m")

    # A link to nowhere, where a folder would have to be made.
    (tmp_path / "under").symlink_to(tmp_path / "nowhere" / "deep")
    with pytest.raises((RunError, ArtifactError)):
        opened(tmp_path / "under" / "m")


def test_an_interrupted_error_that_names_the_way_on_stays_as_it_is(tmp_path: Path) -> None:
    error = Interrupted(expected="an end", found="a signal", where="here", fix="resume it like this")
    with pytest.raises(Interrupted) as caught:
        broken(tmp_path / "m", error)
    assert caught.value is error
    assert caught.value.exit_code == 130
    assert caught.value.fix == "resume it like this"
    # Without a log there is nothing to rewind.
    with opened(tmp_path / "m", resume=True) as run:
        run.rewind(3)
        assert not (run.folder / "metrics.jsonl").exists()


def test_a_parent_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "make_directories", full_disk)
    with pytest.raises(RunError, match=r"expected a folder that can be written, found .*No space left"):
        opened(tmp_path / "new" / "m")


def test_a_run_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "take_place", full_disk)
    with pytest.raises(RunError, match="No space left"):
        opened(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a folder that can be written, found .*No such file"):
        RunLock(tmp_path / "nowhere" / "m.run")


def test_a_lock_is_released_once(tmp_path: Path) -> None:
    first = RunLock(tmp_path / "m.run")
    first.close()
    with closing(RunLock(tmp_path / "m.run")) as second:
        first.close()
        assert second.path.exists()
    assert not second.path.exists()


def test_without_flock_nothing_is_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with closing(RunLock(tmp_path / "m.run")), closing(RunLock(tmp_path / "m.run")):
        pass


def test_a_finished_model_is_replaced_only_on_request(tmp_path: Path) -> None:
    out = tmp_path / "m"
    with opened(out) as run:
        run.finish(small_model({}))
    with pytest.raises(RunError, match=r"found a finished model; .*overwrite"):
        opened(out)
    with pytest.raises(RunError, match="finished model"):
        opened(out, restart=True)
    opened(out, overwrite=True).close()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads Linux's /proc")
def test_a_place_that_cannot_be_written_is_refused_whoever_asks() -> None:
    # Its permissions allow it to root.
    with pytest.raises(ArtifactError, match="a directory to write in"):
        check_can_begin(TrainOptions(out=Path("/proc/model")))


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_checkpoints_need_time_between_them(seconds: float) -> None:
    with pytest.raises(SettingsError, match=r"checkpoint-seconds: expected more than 0"):
        TrainOptions(out=Path("m"), checkpoint_seconds=seconds)


def test_resume_and_restart_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="both"):
        TrainOptions(out=Path("m"), resume=True, restart=True)


def test_each_training_of_a_process_starts_with_a_fresh_time_limit() -> None:
    first = TrainOptions(out=Path("m"))
    time.sleep(0.01)
    second = TrainOptions(out=Path("m"))
    assert first.started < second.started <= time.monotonic()


def test_what_is_noted_is_read(tmp_path: Path) -> None:
    path, seconds = tmp_path / "spent.json", iter([0.5, 2.5])
    spent = SpentTime(path, lambda: next(seconds))
    assert read_spent_time(path) == 0
    for expected in (0.5, 2.5):
        spent.note()
        assert read_spent_time(path) == expected


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "3", '{"seconds": "x"}', '{"seconds": NaN}', '{"seconds": -1}',
    '{"seconds": Infinity}'],
)  # fmt: skip
def test_what_is_no_time_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "spent.json").write_text(content)
    assert read_spent_time(tmp_path / "spent.json") == 0


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spent_time, "replace_file", full_disk)
    with pytest.raises(RunError, match=f"{tmp_path}: expected a folder .* found .*No space left"):
        SpentTime(tmp_path / "spent.json", lambda: 1.0).note()


def test_it_is_noted_again_and_again_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = tmp_path / "spent.json", []

    def seconds() -> float:
        asked.append(0)
        return float(len(asked))

    spent = SpentTime(path, seconds)
    spent.start(every=0.01)
    thread = spent._thread
    assert thread is not None
    # It does not keep a process alive.
    assert thread.daemon
    wait_for(lambda: read_spent_time(path) >= 3)
    with monkeypatch.context() as patch:
        patch.setattr(spent_time, "replace_file", full_disk)
        count = len(asked)
        wait_for(lambda: len(asked) > count + 2)
    # It goes on once there is room again.
    count = len(asked)
    wait_for(lambda: read_spent_time(path) > count)
    spent.stop()
    assert not thread.is_alive()
    count = len(asked)
    time.sleep(0.05)
    assert len(asked) == count
    spent.stop()


def test_one_that_was_not_started_can_be_stopped(tmp_path: Path) -> None:
    SpentTime(tmp_path / "spent.json", lambda: 1.0).stop()
    assert spent_time.SECONDS_BETWEEN_NOTES == 5


def wait_for(happens: Any) -> None:
    for _ in range(3_000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_where_the_main_thread_is(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert interrupt.signal == number
    assert interrupt.exit_code() == EXIT_CODES[number]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_deferred_signal_is_only_noted(number: signal.Signals) -> None:
    with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
        assert not interrupt.at(1)
        os.kill(os.getpid(), number)
        assert interrupt.at(2)
        with pytest.raises(Interrupted, match=number.name):
            interrupt.check()
    assert interrupt.exit_code() == EXIT_CODES[number]


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


def test_stop_after_steps_counts_from_the_start_of_the_run() -> None:
    interrupt = Interrupt(stop_after_steps=10)
    assert [interrupt.at(step) for step in (9, 10, 11)] == [False, True, True]
    interrupt.check()


def test_another_programs_main_is_not_foretells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/x/pytest/__main__.py", "tests"])
    assert interrupted(12, Path("m")).fix == "train again with resume=True and out='m'"


@pytest.mark.parametrize("program", ["/usr/bin/foretell", "/x/foretell/__main__.py"])
def test_the_error_names_the_command_that_resumes(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("sys.argv", [program, "train", "words", "my notes.txt", "--out", "m", "--restart"])
    error = interrupted(12, Path("m"))
    assert error.exit_code == 130
    assert error.fix == "foretell train words 'my notes.txt' --out m --resume"
    assert "after step 12" in str(error)


def test_a_temporary_run_ends_with_a_keyboard_interrupt() -> None:
    """scikit-learn's searches would take an `Exception` for the failure of one model, and go on."""
    with pytest.raises(KeyboardInterrupt, match="out="), nothing_to_resume(is_temporary=True):
        raise interrupted(3, Path("m"))
    with pytest.raises(Interrupted, match="resume=True"), nothing_to_resume(is_temporary=False):
        raise interrupted(3, Path("m"))


OWN = LABELS_PRESETS["base"]


def test_a_setting_that_stays_may_not_change() -> None:
    other = with_changes(OWN, {"units": 3, "epochs": 2})
    check_unchanged(OWN, other, ("network", "tokens"), name=None, changes={"units": 3}, data="data")
    with pytest.raises(
        SettingsError, match=r"units 64, as in the model to continue, found 3; .* on all data"
    ):
        check_unchanged(OWN, other, ("units",), name=None, changes={"units": 3}, data="data")
    with pytest.raises(SettingsError, match=r"found 3 \(preset quick\); .* on all text"):
        check_unchanged(OWN, other, ("units",), name="quick", changes={}, data="text")
