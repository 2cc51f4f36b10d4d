"""Files larger than memory, classified, scored and evaluated by several processes or machines on Ray.

    from foretell.cluster import classify_files, read_rows

    report = classify_files("reviews-model", "reviews.jsonl", out="answers", cluster="local")
    for row in read_rows("answers"):
        ...

Names are imported on first use: Ray and Arrow are loaded only when a cluster is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.cluster.files import classify_files, evaluate_files, score_files
    from foretell.cluster.inspection import inspect_cluster
    from foretell.cluster.report import ClusterReport
    from foretell.cluster.results import read_rows

__all__ = [
    "ClusterReport",
    "classify_files",
    "evaluate_files",
    "inspect_cluster",
    "read_rows",
    "score_files",
]

_HOME = {
    "ClusterReport": "foretell.cluster.report",
    "classify_files": "foretell.cluster.files",
    "evaluate_files": "foretell.cluster.files",
    "inspect_cluster": "foretell.cluster.inspection",
    "read_rows": "foretell.cluster.results",
    "score_files": "foretell.cluster.files",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'foretell.cluster' has no attribute {name!r}")
