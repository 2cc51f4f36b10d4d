"""The modules whose tests are tested: 100 % branch coverage, and mutants that the tests must find."""

from __future__ import annotations

_MODEL = ("tests/artifacts/test_directory.py", "tests/artifacts/test_manifest.py")
_RUN = "tests/training/test_run.py"

MODULES: dict[str, tuple[str, ...]] = {
    # The model directory.
    "foretell/artifacts/directory.py": (*_MODEL, "tests/artifacts/test_replacement.py"),
    "foretell/artifacts/manifest.py": _MODEL,
    "foretell/artifacts/replacement.py": ("tests/artifacts/test_replacement.py",),
    # Checkpoints and runs.
    "foretell/training/checkpoints.py": ("tests/training/test_checkpoints.py",),
    "foretell/training/run.py": (_RUN,),
    "foretell/training/run_lock.py": (_RUN,),
    "foretell/training/spent_time.py": ("tests/training/test_spent_time.py",),
    "foretell/training/budget.py": ("tests/training/test_budget.py",),
    # The guard and the limits of the service.
    "foretell/service/auth.py": ("tests/service/test_auth.py",),
    "foretell/service/limits.py": ("tests/service/test_limits.py",),
    # Downloads.
    "foretell/data/named.py": ("tests/data/test_named.py",),
}
"""Each module, and the files of its own tests."""

SLOW = (
    "kill_at_any", "needs_no_onnx", "a_million_words", "threads_stop", "tensorboard", "that_is_killed",
    "many_that_begin",
)  # fmt: skip
"""Tests that take long and find no mutant that the others miss: not run on mutants."""
