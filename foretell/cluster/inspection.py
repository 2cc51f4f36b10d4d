"""What `foretell doctor --cluster` shows: nodes, versions, the model, and the network between two nodes."""

from __future__ import annotations

import os
import platform
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foretell.cluster.probe import has_tls
from foretell.cluster.session import Cluster, connected
from foretell.cluster.work import model_sha256
from foretell.errors import RunError

SENT_BYTES = 32 << 20
"""Bytes that are sent from one node to another to measure the network."""
_NODE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a node has.

    Attributes:
        host: its name; node: its id in Ray, shortened.
        processors: that Ray may use.
        memory_bytes: that Ray may use.
        versions: of foretell, Python, Ray and ONNX Runtime; "missing" where a package is not installed.
        has_model: whether the model directory is there, with the same content; None: no model was given.
        problem: why the node did not answer; "" where it did.
    """

    host: str
    node: str
    processors: float
    memory_bytes: int
    versions: dict[str, str]
    has_model: bool | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a cluster has.

    Attributes:
        address: HOST:PORT of its head.
        nodes: each that is alive.
        has_tls: whether the connection is encrypted.
        differences: the packages whose versions differ between nodes or from this process's, in words.
        network_bytes_per_second: between two nodes; None: there is only one.
    """

    address: str
    nodes: tuple[Node, ...]
    has_tls: bool
    differences: tuple[str, ...]
    network_bytes_per_second: float | None

    @property
    def is_good(self) -> bool:
        """Whether every node answers and has the same versions."""
        return not self.differences and not any(node.problem for node in self.nodes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return asdict(self)


def inspect_cluster(cluster: str, model: str | Path | None = None) -> Inspection:
    """Return what a cluster has.

    Args:
        cluster: "local", "auto", or the HOST:PORT of a head.
        model: a model directory to look for on each node; it is sent to workers that cannot reach it.

    Raises:
        MissingExtraError, UsageError, RunError: as `foretell.cluster.session.connected`; RunError too where
            `model` is no model directory.
    """
    sha256 = None if model is None else model_sha256(Path(model))
    if sha256 == "":
        raise RunError(
            expected="a foretell model directory", found="none", where=str(model), fix="check --model"
        )
    path = None if model is None else str(Path(model).absolute())
    with connected(cluster) as joined:
        return _inspect(joined, path, sha256)


def _inspect(cluster: Cluster, path: str | None, sha256: str | None) -> Inspection:
    import ray

    alive = [node for node in ray.nodes() if node["alive"]]
    refs = [_on(node, _about, path, sha256) for node in alive]
    nodes = tuple(_node(node, ref) for node, ref in zip(alive, refs, strict=True))
    answering = [raw for raw, node in zip(alive, nodes, strict=True) if not node.problem]
    return Inspection(
        address=cluster.address,
        nodes=nodes,
        has_tls=has_tls(),
        differences=_differences(nodes),
        network_bytes_per_second=_network(answering) if len(answering) > 1 else None,
    )


def _on(node: dict[str, Any], function: Any, *arguments: Any) -> Any:
    """Start a function on one node, whether or not its processors are busy."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
    remote: Any = ray.remote(num_cpus=0, max_retries=0)(function)
    return remote.options(scheduling_strategy=there).remote(*arguments)


def _about(path: str | None, sha256: str | None) -> dict[str, Any]:
    """Return the host and the versions of this node, and whether it has the model."""
    return {
        "host": socket.gethostname(),
        "versions": node_versions(),
        "has_model": None if path is None else model_sha256(Path(path)) == sha256,
    }


def node_versions() -> dict[str, str]:
    """Return the versions of what workers need, as far as it is installed here."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("foretell", "ray", "onnxruntime", "pyarrow", "tokenizers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _node(node: dict[str, Any], ref: Any) -> Node:
    import ray
    from ray.exceptions import RayError

    about: dict[str, Any] = {"host": node["NodeManagerHostname"], "versions": {}}
    try:
        about = ray.get(ref, timeout=_NODE_SECONDS)
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        about["problem"] = (lines[-1] if lines else type(error).__name__)[:200]
    resources = node["Resources"]
    return Node(
        node=node["NodeID"][:12],
        processors=resources.get("CPU", 0.0),
        memory_bytes=int(resources.get("memory", 0)),
        **about,
    )


def _differences(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    here = node_versions()
    found = []
    for package, mine in here.items():
        others = sorted({node.versions[package] for node in nodes if node.versions} - {mine})
        if others:
            hosts = sorted({node.host for node in nodes if node.versions.get(package) in others})
            found.append(f"{package}: {mine} here, {', '.join(others)} on {', '.join(hosts[:5])}")
    return tuple(found)


def _network(nodes: list[dict[str, Any]]) -> float:
    """Return the bytes/s from the first node to the second; the first of two transfers opens connections."""
    import ray

    seconds = 0.0
    for _ in range(2):
        sent = _on(nodes[0], _content)
        ray.wait([sent], timeout=_NODE_SECONDS, fetch_local=False)
        seconds = ray.get(_on(nodes[1], _received, [sent]), timeout=_NODE_SECONDS)
    return SENT_BYTES / max(seconds, 1e-9)


def _content() -> bytes:
    return os.urandom(SENT_BYTES)


def _received(refs: list[Any]) -> float:
    """Return the seconds until content of another node is here; in a list it is not fetched before."""
    import ray

    started = time.monotonic()
    ray.get(refs[0])
    return time.monotonic() - started
