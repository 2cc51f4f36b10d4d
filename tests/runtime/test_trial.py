"""A graph that takes too long or too much memory ends its trial, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from foretell import limited
from foretell.runtime import trial
from foretell.runtime.graph_check import check_graph
from tests.encoders import tiny_graph

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these limits")


def chain(operator: str, shape: tuple[int, int], times: int, **attributes: int) -> bytes:
    """Return an encoder that also computes with its constants: an operator so many times."""
    model = tiny_graph()
    weights = np.full(shape, 1e-6, np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "made0"))
    for i in range(times):
        node = helper.make_node(operator, [f"made{i}", "made0"], [f"made{i + 1}"], **attributes)
        model.graph.node.append(node)
    model.graph.output.append(helper.make_empty_tensor_value_info(f"made{times}"))
    return model.SerializeToString()


def outer_sum(length: int) -> bytes:
    """Return an encoder that also computes a constant matrix of two vectors."""
    model = tiny_graph()
    for i, shape in enumerate([(length, 1), (1, length)]):
        vector = np.zeros(shape, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(vector, f"vector{i}"))
    nodes = [
        helper.make_node("Add", ["vector0", "vector1"], ["matrix"]),
        helper.make_node("Gather", ["matrix", "input_ids"], ["rows"]),
    ]
    model.graph.node.extend(nodes)
    model.graph.output.append(helper.make_empty_tensor_value_info("rows"))
    return model.SerializeToString()


def test_an_endless_chain_ends_at_the_limit_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain("MatMul", (1500, 1500), 4000)
    check_graph(graph)
    monkeypatch.setattr(trial, "MAX_SECONDS", 2)
    began = time.monotonic()
    with pytest.raises(ValueError, match="more than 2 seconds"):
        trial.try_out(graph, 4, 1)
    assert time.monotonic() - began < trial.MAX_WAIT_SECONDS / 2


def test_without_processor_time_it_ends_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_WAIT_SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"more than 0\.5 seconds"):
        trial.try_out(chain("MatMul", (1500, 1500), 4000), 4, 1)


def test_memory_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same graph, of 320 MB, passes with the limit that foretell has and not with less."""
    graph = outer_sum(9000)
    check_graph(graph)
    with monkeypatch.context() as patch:
        patch.setattr(limited, "MAX_BYTES", 300 << 20)
        with pytest.raises(ValueError):
            trial.try_out(graph, 4, 1)
    trial.try_out(graph, 4, 1)


OPEN = """
import re, resource, sys
from pathlib import Path
import numpy as np
from foretell.runtime.session import Session

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

def seconds():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime

graph = Path(sys.argv[1]).read_bytes()
before = peak(), seconds()
session = Session(Path(sys.argv[1]), lambda: (graph, {}), arena=True)
for _ in range(3):
    session.run(None, {each.name: np.ones((1, 4), np.int64) for each in session.inputs})
print(peak() - before[0], seconds() - before[1])
"""
GRAPHS = {
    **{f"a matrix of {n}": (partial(outer_sum, n), n**2 * 4) for n in (1000, 9000, 14000)},
    "sums": (partial(chain, "Add", (1000, 1000), 60), 0),
    "products": (partial(chain, "MatMul", (300, 300), 200), 0),
    "many outputs": (partial(chain, "Concat", (1000, 100), 40, axis=1), 0),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_who_opens_it_takes_what_its_trial_was_allowed(tmp_path: Path, name: str) -> None:
    """ONNX Runtime computes the constants again in the process that opens the graph."""
    make, least = GRAPHS[name]
    graph = make()
    trial.try_out(graph, 4, 1)
    path = tmp_path / "model.onnx"
    path.write_bytes(graph)
    command = [sys.executable, "-c", OPEN, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, seconds = map(float, done.stdout.split())
    assert least < grown < limited.MAX_BYTES + limited.BYTES_TIMES * len(graph)
    assert seconds < trial.MAX_SECONDS
