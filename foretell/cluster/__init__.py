"""Files larger than memory, classified, scored and evaluated by several processes or machines on Ray.

    from foretell.cluster import classify_files

    report = classify_files("reviews-model", "reviews.jsonl", out="answers", cluster="local")

Names are imported on first use: Ray and Arrow are loaded only when a cluster is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foretell.cluster.files import ClusterReport, classify_files, evaluate_files, score_files

__all__ = ["ClusterReport", "classify_files", "evaluate_files", "score_files"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'foretell.cluster' has no attribute {name!r}")
    from foretell.cluster import files

    return getattr(files, name)
