"""Weights of another network, or not finite, are refused."""

import numpy as np
import pytest

from foretell.artifacts.directory import write_model
from foretell.config import LabelsSettings
from foretell.errors import (
    ArtifactError,
    SettingsError,
)


def test_weights_of_another_shape(model, tmp_path):
    model.weights["output/bias"] = np.zeros(2, np.float32)
    with pytest.raises(
        ArtifactError, match=r"weight output/bias: expected float32 \[1\], found float32 \[2\]"
    ):
        write_model(model, tmp_path / "model")


def test_weights_of_another_type(model, tmp_path):
    model.weights["output/bias"] = np.zeros(1, np.float64)
    with pytest.raises(ArtifactError, match=r"found float64 \[1\]"):
        write_model(model, tmp_path / "model")


def test_weights_missing_and_unknown(model, tmp_path):
    model.weights["other"] = model.weights.pop("output/bias")
    with pytest.raises(ArtifactError, match="missing: output/bias; unknown: other"):
        write_model(model, tmp_path / "model")


def test_diverged_weights(model, tmp_path):
    model.weights["embedding"][3, 2] = np.nan
    with pytest.raises(ArtifactError, match=r"weight embedding: expected finite .* lower --learning-rate"):
        write_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_beyond_one_onnx_file_are_refused_before_training():
    from foretell.artifacts.weights import check_size

    with pytest.raises(
        SettingsError, match=r"vocabulary: expected weights of at most 2\.1 GB, found 4\.0 GB"
    ):
        check_size(LabelsSettings(embedding_size=1000), 1_000_000, 2)
