"""A look at a cluster before this process joins it: is it there, does it check tokens, is the token right?

Ray waits for minutes where nobody answers, and takes a token only when a process begins. So another process
looks: `python -m foretell.cluster.probe ADDRESS`.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from foretell.errors import RunError, UsageError

CONNECT_SECONDS = 5.0
PROBE_SECONDS = 30.0
AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_GIVE_TOKEN = "set RAY_AUTH_TOKEN_PATH to the file with the token of the cluster"
_METADATA = (b"CLUSTER_METADATA", b"cluster")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a cluster.

    Attributes:
        address: host and port of its head.
        ray: its version of Ray.
        python: its version of Python.
    """

    address: str
    ray: str
    python: str


def check_cluster(address: str) -> Seen:
    """Check that this process may use a cluster.

    Args:
        address: HOST:PORT of the head.

    Raises:
        UsageError: not an address.
        RunError: nothing answers there, the token is missing or wrong, the cluster takes any token, or its
            Ray or Python is of another version.
    """
    host, port = host_and_port(address)
    if not answers(host, port):
        raise RunError(
            expected="the head of a Ray cluster",
            found="nothing that answers",
            where=address,
            fix="check the address, or start one (docs/cluster.md)",
        )
    good = _look(address, {})
    if good["found"] == "wrong token":
        raise RunError(
            expected="the token of the cluster",
            found="a wrong one, or none",
            where=address,
            fix=_GIVE_TOKEN,
        )
    if good["found"] != "ok":
        raise RunError(
            expected="the head of a Ray cluster", found=good["found"], where=address, fix="check the address"
        )
    # A token that nobody can know: a cluster that takes it takes any.
    if _look(address, {"RAY_AUTH_TOKEN": secrets.token_hex(32)})["found"] == "ok":
        raise RunError(
            expected="a cluster that checks tokens",
            found="one that anybody who reaches it can run code on",
            where=address,
            fix="start it again with RAY_AUTH_MODE=token (docs/cluster.md)",
        )
    _check_versions(good, address)
    return Seen(address, good["ray"], good["python"])


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of HOST:PORT.

    Raises:
        UsageError: it is something else.
    """
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(
            expected="local, auto, or the HOST:PORT of a head (port 6379 unless it was changed)",
            found=repr(address),
            where="cluster",
        )
    return host.strip("[]"), int(port)


def answers(host: str, port: int, seconds: float = CONNECT_SECONDS) -> bool:
    """Return whether something accepts connections at an address."""
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True


def has_tls() -> bool:
    """Return whether this process encrypts its connections to Ray."""
    return os.environ.get("RAY_USE_TLS", "").lower() in ("1", "true")


def token_environment() -> dict[str, str]:
    """Return the environment of a process that shows the user's token.

    Raises:
        UsageError: the user gave none.
    """
    from pathlib import Path

    default = Path.home() / ".ray" / "auth_token"
    if not any(os.environ.get(name) for name in AUTHENTICATION[1:]) and not default.is_file():
        raise UsageError(
            expected="a token, which every cluster but local needs",
            found="none",
            where="cluster",
            fix=_GIVE_TOKEN,
        )
    return {"RAY_AUTH_MODE": "token"}


def _look(address: str, changes: dict[str, str]) -> dict[str, str]:
    command = [sys.executable, "-m", "foretell.cluster.probe", address]
    environment = {**os.environ, **token_environment(), **changes}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"found": "something else, or a head that does not answer"}
    except (ValueError, IndexError):
        reason = " ".join(done.stderr.split())
        return {"found": f"an error: {reason[-200:]}"}
    return found


def _check_versions(seen: dict[str, str], address: str) -> None:
    for name, mine in (("Ray", seen["own_ray"]), ("Python", seen["own_python"])):
        theirs = seen[name.lower()]
        # Ray compares all of its own version, and Python's without the last part.
        same = theirs == mine if name == "Ray" else theirs.split(".")[:2] == mine.split(".")[:2]
        if not same:
            raise RunError(
                expected=f"{name} {theirs}, as on the cluster",
                found=f"{name} {mine} here",
                where=address,
                fix=f"install {name} {theirs} here, or {mine} on every node",
            )


def main(address: str) -> None:
    """Print what answers at an address, as one line of JSON."""
    import platform

    import ray
    from ray.exceptions import AuthenticationError

    raylet: Any = ray._raylet
    own = {"own_ray": ray.__version__, "own_python": platform.python_version()}
    try:
        content = raylet.GcsClient(address=address).internal_kv_get(*_METADATA, timeout=CONNECT_SECONDS)
        about = json.loads(content)
        found = {"found": "ok", "ray": about["ray_version"], "python": about["python_version"], **own}
    except AuthenticationError:
        found = {"found": "wrong token"}
    except Exception as error:
        found = {"found": f"an error: {' '.join(str(error).split())[:200]}"}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    # Ray's threads would keep trying.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
