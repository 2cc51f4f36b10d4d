"""The client of the Hub: huggingface_hub, and one line for each of its errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foretell.errors import ForetellError, HubError, NoAnswerError
from foretell.machine import TO_USE_HUB, require

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

LIBRARY = "foretell"
LOG_IN = "log in with: hf auth login, or set HF_TOKEN"
_MAX_MESSAGE = 200


def require_hub() -> None:
    """Check that huggingface_hub is installed, without importing it.

    Raises:
        MissingExtraError: it is not; `fix` is the install command.
    """
    require(("huggingface_hub",), "hf:// and foretell push", TO_USE_HUB)


def hub_api(token: str | None = None) -> HfApi:
    """Return the client. Without `token` it uses HF_TOKEN or what `hf auth login` stored.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    require_hub()
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name=LIBRARY)


@contextmanager
def asking(where: str, *, token: str | None = None) -> Iterator[None]:
    """Raise whatever a request to the Hub fails with as one HubError.

    Args:
        where: the address that was asked for.
        token: the token that was given; it is removed from the server's messages.

    Raises:
        HubError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import errors

    try:
        with _bars_for_terminals():
            yield
    except errors.LocalEntryNotFoundError as error:
        raise _not_cached(where, error.__cause__, token) from None
    except errors.OfflineModeIsEnabled as error:
        raise _not_cached(where, error, token) from None
    # Not chained: a message of the server may quote the token, and --debug would show it.
    except errors.HfHubHTTPError as error:
        raise refusal(where, error, token) from None
    except ForetellError:
        raise
    except (ValueError, RuntimeError) as error:
        # A card that the Hub refuses, or a failed upload.
        found = _without(token, f"{error} {error.__cause__ or ''}")
        raise HubError(expected="the Hub to accept this", found=found, where=where) from None
    except Exception as error:
        # Errors of the connection are those of the client's HTTP library.
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2"):
            raise
        raise _unreachable(where, error) from None


@contextmanager
def _bars_for_terminals() -> Iterator[None]:
    """Show progress bars of huggingface_hub on terminals only."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def refusal(where: str, error: HfHubHTTPError, token: str | None = None) -> HubError:
    """Return the error of a request that the Hub refused.

    Args:
        where: the address that was asked for.
        error: the response.
        token: the token that was given, else the stored one.
    """
    from huggingface_hub import errors

    has_token = _token(token) is not None
    if isinstance(error, errors.GatedRepoError):
        fix = "ask for access on its page" if has_token else f"ask for access on its page, then {LOG_IN}"
        return HubError(expected="access to the repository", found="a gated one", where=where, fix=fix)
    if isinstance(error, errors.RepositoryNotFoundError):
        found = (
            "none, or a private one that this token cannot read"
            if has_token
            else ("none, or a private one, which needs a token")
        )
        return HubError(expected="a repository", found=found, where=where, fix=f"check the name, or {LOG_IN}")
    if isinstance(error, errors.RevisionNotFoundError):
        fix = "check what follows the @"
        return HubError(expected="a branch, tag or commit of it", found="none", where=where, fix=fix)
    status = error.response.status_code
    if status in (401, 403):
        found = "one that may not" if has_token else "none"
        return HubError(expected="a token that may do this", found=found, where=where, fix=LOG_IN)
    message = _without(token, error.server_message or "no reason given")
    kind = NoAnswerError if status >= 500 else HubError
    return kind(expected="the Hub to answer", found=f"HTTP status {status}: {message}", where=where)


def _not_cached(where: str, cause: BaseException | None, token: str | None) -> HubError:
    """Return the error of a model that is not in the cache while the Hub does not answer."""
    from huggingface_hub import errors

    if isinstance(cause, errors.HfHubHTTPError):
        return refusal(where, cause, token)
    if cause is not None and not isinstance(cause, errors.OfflineModeIsEnabled):
        return _unreachable(where, cause)
    fix = "unset HF_HUB_OFFLINE, or open the model once with a connection"
    return NoAnswerError(
        expected="the whole model in the cache", found="none, or a part of it", where=where, fix=fix
    )


def _unreachable(where: str, error: BaseException) -> HubError:
    from huggingface_hub import constants

    return NoAnswerError(
        expected=f"an answer of the Hub ({constants.ENDPOINT})",
        found=type(error).__name__,
        where=where,
        fix="check the connection; models that were opened before are in the cache",
    )


def _token(token: str | None) -> str | None:
    from huggingface_hub import get_token

    return token or get_token()


def _without(token: str | None, message: str) -> str:
    """Return a message of the server without the token, on one line."""
    secret = _token(token)
    shown = message.replace(secret, "***") if secret else message
    return " ".join(shown.split())[:_MAX_MESSAGE]
