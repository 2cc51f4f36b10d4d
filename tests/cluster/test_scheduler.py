"""How often a shard is tried, and which workers are refused. Nothing here starts Ray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster.made_files import write_jsonl

from foretell.cluster import scheduler as module
from foretell.cluster import work
from foretell.cluster.inputs import input_files
from foretell.cluster.probe import host_and_port
from foretell.cluster.results import FOLDER, LOG, Output
from foretell.cluster.scheduler import ATTEMPTS, Scheduler
from foretell.cluster.session import Cluster
from foretell.cluster.shards import Shard, plan
from foretell.cluster.tasks import Failed, Task
from foretell.cluster.work import Worker, versions
from foretell.data.records import ReadOptions
from foretell.errors import DataError, RunError, UsageError

TASK = Task(command="classify", model="m")


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    return plan(input_files([write_jsonl(tmp_path / "in.jsonl", 20)]), ReadOptions(), None, 300)[0]


@pytest.fixture
def scheduler(tmp_path: Path, shards: list[Shard]) -> Scheduler:
    (tmp_path / "out" / FOLDER).mkdir(parents=True)
    output = Output(str(tmp_path / "out"), TASK, shards, {})
    cluster = Cluster(address="127.0.0.1:9", processors=2, nodes=1, is_own=True, start_seconds=0)
    return Scheduler(cluster, TASK, tmp_path / "model", output, workers=7)


def fail(scheduler: Scheduler, shard: Shard, *, is_final: bool = False) -> None:
    scheduler._queue.remove(shard)
    scheduler._attempts[shard.ordinal] += 1
    scheduler._give_back(shard, Failed(ordinal=shard.ordinal, reason="why", trace="t", is_final=is_final))


def test_a_shard_is_tried_three_times_and_each_attempt_is_in_the_log(
    scheduler: Scheduler, shards: list[Shard], tmp_path: Path
) -> None:
    for attempt in range(ATTEMPTS):
        assert scheduler.failed == {}
        assert scheduler._queue.count(shards[1]) == 1, attempt
        fail(scheduler, shards[1])
    assert shards[1] not in scheduler._queue
    assert scheduler.failed[1].reason == "why"
    log = (tmp_path / "out" / FOLDER / LOG).read_text().splitlines()
    assert [json.loads(line)["event"] for line in log] == ["retried", "retried", "failed"]


def test_what_would_fail_again_is_tried_once(scheduler: Scheduler, shards: list[Shard]) -> None:
    fail(scheduler, shards[0], is_final=True)
    assert scheduler.failed[0].is_final


def test_a_head_that_is_gone_is_found(scheduler: Scheduler) -> None:
    scheduler._looked -= 100
    with pytest.raises(RunError, match="found nothing that answers any more"):
        scheduler._look(is_quiet=True)


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (MemoryError(), False),
        (OSError(28, "No space left on device"), False),
        (DataError(expected="a", found="b"), True),
        (RuntimeError("a fault of the program"), False),
    ],
)
def test_a_worker_returns_its_failure(
    shards: list[Shard], monkeypatch: pytest.MonkeyPatch, error: Exception, is_final: bool
) -> None:
    def refuse(_: Shard) -> None:
        raise error

    for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(work, "open_shard", refuse)
    failed = Worker(TASK).process(shards[0])
    assert isinstance(failed, Failed)
    assert failed.is_final == is_final
    assert "\n" not in failed.reason
    assert "Traceback" in failed.trace


@pytest.mark.parametrize("name", ["foretell", "python"])
def test_a_node_with_another_version_is_refused(name: str) -> None:
    about: dict[str, Any] = {"worker": "node:1", **versions()}
    module.check_versions(about)
    with pytest.raises(RunError, match=rf"node:1: expected {name} .* on every node"):
        module.check_versions({**about, name: "0.0"})


@pytest.mark.parametrize("address", ["", "head", "head:", ":1", "head:99999", "ray://head:1", "head:x"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(UsageError, match="expected local, auto, or the HOST:PORT of a head"):
        host_and_port(address)
    assert host_and_port("head.example:6379") == ("head.example", 6379)
    assert host_and_port("[::1]:6379") == ("::1", 6379)
