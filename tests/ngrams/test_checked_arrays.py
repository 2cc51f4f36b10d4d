"""Arrays of a model's file, checked as they are taken."""

import numpy as np
import pytest

from foretell.errors import ArtifactError
from foretell.ngrams.checked_arrays import checked_array

ARRAYS = {"a": np.array([1.0, 2.0], np.float32), "b": np.array([np.inf], np.float32)}


def test_a_fitting_array_is_returned():
    assert checked_array(ARRAYS, "a", np.float32, 1, length=2) is ARRAYS["a"]


@pytest.mark.parametrize(
    ("name", "kind", "dimensions", "length", "found"),
    [
        ("c", np.float32, 1, -1, "none"),
        ("a", np.int64, 1, -1, "float32"),
        ("a", np.float32, 2, -1, "float32"),
        ("a", np.float32, 1, 3, "float32"),
        ("b", np.float32, 1, 1, "NaN or infinity"),
    ],
)
def test_another_array_is_an_error_that_names_it(name, kind, dimensions, length, found):
    with pytest.raises(ArtifactError, match=found) as error:
        checked_array(ARRAYS, name, kind, dimensions, length)
    assert error.value.where == name
