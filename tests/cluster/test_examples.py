"""The examples: what can be checked without Spark and Kubernetes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from foretell.runtime.labels.classifier import LabelsRuntime

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="examples/ is not beside the tests")


def test_the_function_for_spark_answers_every_row(labels_model: Path) -> None:
    spec = importlib.util.spec_from_file_location("spark_udf", FOLDER / "spark_udf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = ["the mind", None, "", "the way"]
    found = module.make_predict(str(labels_model))(np.array(texts, object))
    expected = list(LabelsRuntime.open(labels_model).classify([text or "" for text in texts]))
    assert found["label"].tolist() == [verdict.label for verdict in expected]
    assert found["probability"].dtype == np.float32


def test_the_cluster_on_kubernetes_checks_tokens_and_has_one_version_of_ray() -> None:
    cluster = yaml.safe_load((FOLDER / "kuberay.yaml").read_text())
    spec = cluster["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    images = {
        container["image"]
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])
        for container in group["template"]["spec"]["containers"]
    }
    assert len(images) == 1
    assert images.pop().endswith(spec["rayVersion"])
