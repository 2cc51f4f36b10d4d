"""Addresses of files and folders: paths of this machine, and bucket paths such as s3://bucket/folder.

An address is a string. A bucket path may end with options: s3://bucket/folder?endpoint_override=HOST:PORT.
"""

from __future__ import annotations

import re
from pathlib import Path

from foretell.errors import UsageError

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://(?P<rest>.*)", re.I | re.S)


def absolute(address: str | Path) -> str:
    """Return an address that is the same in every process: an absolute path, or the bucket path as it is.

    Raises:
        UsageError: a bucket path with a user name or a key in it, which logs and manifests would show.
    """
    text = str(address)
    match = _SCHEME.fullmatch(text)
    if match is None:
        return str(Path(text).expanduser().absolute())
    if match["scheme"].lower() == "file":
        return str(Path(match["rest"]).absolute())
    if "@" in match["rest"].partition("/")[0]:
        raise UsageError(
            expected="a bucket path without a key",
            found="a user name or a key before @",
            where=f"{match['scheme']}://…@{match['rest'].rpartition('@')[2]}",
            fix="give the key in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) or a profile",
        )
    return text


def is_bucket(address: str) -> bool:
    """Return whether an address is a bucket path."""
    return _SCHEME.fullmatch(address) is not None


def join(folder: str, *names: str) -> str:
    """Return the address of a file below a folder; the options of a bucket path stay at the end."""
    if not is_bucket(folder):
        return str(Path(folder).joinpath(*names))
    path, mark, options = folder.partition("?")
    return "/".join([path.rstrip("/"), *names]) + mark + options


def name_of(address: str) -> str:
    """Return the last part of an address, for messages and for the ending of a file."""
    path = address.partition("?")[0] if is_bucket(address) else address
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
