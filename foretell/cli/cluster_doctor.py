"""`foretell doctor --cluster`: what a cluster has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretell.cli.models import local_model
from foretell.cli.output import Format, aligned, listed, show, write_object

if TYPE_CHECKING:
    from foretell.cluster.inspection import Inspection, Node


def cluster_doctor(cluster: str, model: str | None, format: Format) -> int:
    """Show what a cluster has; return 1 where a node does not answer or versions differ."""
    from foretell.cluster.inspection import inspect_cluster

    found = inspect_cluster(cluster, None if model is None else local_model(model))
    if format == "text":
        show(inspection_text(found))
    else:
        write_object(found.to_dict())
    return int(not found.is_good)


def inspection_text(found: Inspection) -> str:
    """Return what a cluster has for people."""
    speed = found.network_bytes_per_second
    head = [
        ("cluster", found.address),
        ("nodes", len(found.nodes)),
        ("processors", f"{sum(node.processors for node in found.nodes):g}"),
        ("network", "one node" if speed is None else f"{speed / 1e6:,.0f} MB/s between two nodes"),
        ("encryption", "TLS" if found.has_tls else "none: set up Ray's TLS outside a trusted network"),
    ]
    rows = [("node", "processors", "memory", "foretell", "python", "ray", "model"), *map(_row, found.nodes)]
    problems = [f"{node.host}: {node.problem}" for node in found.nodes if node.problem]
    differ = [f"versions differ: {line}" for line in found.differences]
    return "\n".join([listed(head), "", aligned(rows), *problems, *differ])


def _row(node: Node) -> tuple[object, ...]:
    model = {None: "", True: "reachable", False: "will be sent"}[node.has_model]
    versions = (node.versions.get(name, "?") for name in ("foretell", "python", "ray"))
    memory = f"{node.memory_bytes / 2**30:.1f} GiB"
    return (f"{node.host} ({node.node})", f"{node.processors:g}", memory, *versions, model)
