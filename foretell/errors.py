"""The exception tree: every error that foretell raises on purpose.

An error is part of the interface, so each is built from the same four parts and reads as one line::

    reviews.csv: expected a column named 'text', found the columns id, body, stars; name it with
    --text COLUMN

The command line prints that line and exits with `exit_code`; Python raises the exception.
"""

from __future__ import annotations

from functools import partial


class ForetellError(Exception):
    """Base of every error that foretell raises on purpose.

    Args:
        expected: what should have been there ("a column named 'text'").
        found: what was there instead ("the columns id, body, stars").
        where: the file, line, field or argument ("reviews.csv, line 3"); may be empty.
        fix: what the reader can do about it, an imperative ("name it with --text COLUMN").
    """

    exit_code = 1

    def __init__(self, expected: str, found: object, *, where: object = "", fix: str = "") -> None:
        self.expected = expected
        self.found = str(found)
        self.where = str(where)
        self.fix = fix
        message = f"expected {expected}, found {found}"
        if self.where:
            message = f"{where}: {message}"
        if fix:
            message += f"; {fix}"
        super().__init__(" ".join(message.split()))

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would not survive pickling (joblib sends errors between processes).
        parts = {name: vars(self)[name] for name in ("expected", "found", "where", "fix")}
        return partial(type(self), **parts), ()


class SeenTextsWarning(UserWarning):
    """A model is measured on text that it was trained on: the metrics are too good."""


class TooFewTextsWarning(UserWarning):
    """A classifier was trained on too few different texts: no accuracy can be measured."""


class UsageError(ForetellError):
    """A command or call that cannot mean anything: wrong arguments, not wrong data."""

    exit_code = 2


class SettingsError(UsageError, ValueError):
    """A setting outside its range, of the wrong type, or unknown."""


class DataError(ForetellError, ValueError):
    """A corpus or examples that cannot be read, or cannot be learned from."""


class ArtifactError(ForetellError):
    """A model directory that cannot be trusted or written."""


class NotAModelError(ArtifactError):
    """A path that holds no foretell model directory."""


class NewerFormatError(ArtifactError):
    """A model directory written by a newer format version than this foretell reads."""


class MissingFileError(ArtifactError):
    """A file that the manifest lists is not there."""


class ChangedFileError(ArtifactError):
    """A file whose size or SHA-256 differs from the manifest."""


class HubError(ArtifactError):
    """A model on the Hugging Face Hub that is not there, not accessible, or cannot be pushed."""


class RunError(ForetellError):
    """A run that cannot be started or resumed."""


class MissingExtraError(ForetellError, ImportError):
    """An optional part of foretell that is not installed; `fix` holds the install command."""


class Interrupted(ForetellError):  # noqa: N818 - as KeyboardInterrupt: no failure
    """Training was interrupted after it had saved a checkpoint; `fix` says how to resume."""

    exit_code = 130
