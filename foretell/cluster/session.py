"""A connection to Ray: a cluster that foretell starts on this machine, or one that is there
already.

A cluster that foretell starts listens on the loopback address only, needs a token that is in a file
of mode 0600, has no dashboard, and keeps its files in a folder of its own. Ray ends it with the
command, also where that is killed. Of every other cluster the token is needed: whoever may connect
to Ray can run code.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.errors import RunError, UsageError
from foretell.machine import require, usable_processors
from foretell.training.run_lock import RunLock

OBJECT_STORE_BYTES = 96 << 20
"""Shared memory of a local cluster. Rows never pass through it; a model that is sent to workers
does.
"""
_FOLDER = "foretell-ray-"
_LOOPBACK = "127.0.0.1"
_ANSWER_SECONDS = 5.0
_STOP_SECONDS = 20.0
# Ray knows an option for a cluster that stays on its machine, under the name of the systems that
# need it.
_ON_THIS_MACHINE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_WRONG_TOKEN = "a wrong one, or none"


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: HOST:PORT of its head.
        processors: of all nodes.
    """

    address: str
    processors: float

    def workers(self, asked: int | None) -> int:
        """Return the number of workers, one for each processor where none is asked for; more would
        wait.
        """
        most = max(1, int(self.processors))
        if asked is not None and asked > most:
            raise UsageError(
                f"at most {most} workers, one for each processor",
                asked,
                where="workers",
                fix="give fewer, or add nodes",
            )
        return asked or most

    def check_alive(self) -> None:
        """Check that the head is still there."""
        if not _answers(self.address):
            raise RunError(
                "the head of the cluster",
                "nothing that answers any more",
                where=self.address,
                fix="start it again, then repeat the command: what is finished is kept",
            )


def require_cluster() -> None:
    """Check that Ray and Arrow are installed, without importing them; raise MissingExtraError if
    not.
    """
    require(("ray", "pyarrow"), "--cluster", "cluster")


@contextlib.contextmanager
def connected(where: str) -> Iterator[Cluster]:
    """Connect to a cluster while the context is open.

    Args:
        where: "local" starts one on this machine; "auto" is the one that Ray finds (RAY_ADDRESS, or
            the one that was started on this machine); anything else is the HOST:PORT of a head.
    """
    require_cluster()
    import ray

    if ray.is_initialized():
        raise UsageError(
            "a process without a connection to Ray",
            "one that ray.init has connected",
            fix="call ray.shutdown() first",
        )
    with contextlib.ExitStack() as stack:
        if where == "local":
            address = stack.enter_context(_own_cluster())
        else:
            address = _found_address() if where == "auto" else where
            stack.enter_context(environment({"RAY_AUTH_MODE": "token"}))
            _check_head(address)
            _init(address=address)
            stack.callback(_shutdown)
        alive = [node for node in ray.nodes() if node["alive"]]
        yield Cluster(address, sum(node["Resources"].get("CPU", 0) for node in alive))


@contextlib.contextmanager
def _own_cluster() -> Iterator[str]:
    """Start a cluster, and yield the address of its head."""
    from ray._private import ray_constants

    # A path of a Unix socket has at most 107 bytes: the folder of TMPDIR may be too long for Ray's
    # names.
    parent = Path("/tmp" if os.name == "posix" else tempfile.gettempdir())
    before = ray_constants.ENABLE_RAY_CLUSTER
    folder = parent / f"{_FOLDER}{secrets.token_hex(4)}"
    with contextlib.ExitStack() as stack:
        # Locked before it is there, so that no other command deletes it.
        stack.callback(RunLock(folder).close)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(0o700)
        if os.name == "posix":
            _sweep(parent)
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
        # An empty value is none: the user's own token is for other clusters.
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": str(token)}
        own |= {"RAY_USAGE_STATS_ENABLED": "0", _ON_THIS_MACHINE: "0"}
        stack.enter_context(environment(own))
        # Ray would replace the loopback address by that of the network on Linux.
        ray_constants.ENABLE_RAY_CLUSTER = False
        stack.callback(setattr, ray_constants, "ENABLE_RAY_CLUSTER", before)
        options = {
            "num_cpus": usable_processors(),
            "include_dashboard": False,
            "_node_ip_address": _LOOPBACK,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        try:
            info = _init(**options, _temp_dir=str(folder / "ray"))
        except RunError:
            # Ray waits for 30 s, which is too short on a busy machine.
            info = _init(**options, _temp_dir=str(folder / "again"))
        stack.callback(_shutdown)
        if info["node_ip_address"] != _LOOPBACK:
            raise RunError(
                "a cluster on the loopback address",
                f"one on {info['node_ip_address']}",
                fix="report this with the version of Ray",
            )
        yield info["gcs_address"]


def _sweep(parent: Path) -> None:
    """Delete the folders that commands have left which were killed."""
    for folder in parent.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError, RunError), contextlib.closing(RunLock(folder)):
            shutil.rmtree(folder)


def _init(**options: object) -> dict[str, str]:
    import ray

    _without_old_token()
    # Ray writes the death of a worker to stdout, which is for data; the log of the run has it.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    try:
        context = ray.init(
            log_to_driver=False, logging_level="CRITICAL", configure_logging=True, **options
        )
    except Exception as error:
        ray.shutdown()
        raise RunError(
            "a Ray cluster",
            f"an error while connecting ({' '.join(str(error).split()):.200})",
            where=str(options.get("address", "local")),
            fix="ray status shows its state",
        ) from error
    return dict(context.address_info)


def _shutdown() -> None:
    """Disconnect; of a head that is gone Ray would wait for a minute, then end this process."""
    import ray

    thread = threading.Thread(target=ray.shutdown, daemon=True)
    thread.start()
    thread.join(_STOP_SECONDS)


def _check_head(address: str) -> None:
    """Check that the head of a cluster answers and takes the token of this process."""
    names = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    default = Path.home() / ".ray" / "auth_token"
    expected = "the head of a Ray cluster"
    fix = "check the address, or start one (docs/cluster.md)"
    if not _answers(address):
        found = "nothing that answers"
    # Without a token Ray would end this process.
    elif any(map(os.environ.get, names)) or default.is_file():
        found = _found_at(address)
    else:
        found = _WRONG_TOKEN
    if found == _WRONG_TOKEN:
        expected = "the token of the cluster"
        fix = "set RAY_AUTH_TOKEN_PATH to the file that has it"
    if found:
        raise RunError(expected, found, where=address, fix=fix)


def _found_at(address: str) -> str:
    """Return what is there in place of a head that takes the user's token; "": it is one."""
    from ray.exceptions import AuthenticationError

    try:
        client = _without_old_token().GcsClient(address=address)
        metadata = client.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=_ANSWER_SECONDS)
    except AuthenticationError:
        return _WRONG_TOKEN
    except Exception as error:
        return f"something else ({' '.join(str(error).split()):.200})"
    return "" if metadata else "a head without metadata"


def _without_old_token() -> Any:
    """Let Ray read the mode and the token anew, which it keeps from the cluster before; return its
    module.
    """
    import ray

    raylet = ray._raylet
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
    return raylet


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(
            "local, auto, or the HOST:PORT of a head (port 6379 unless it was changed)",
            repr(address),
            where="cluster",
        )
    return host.strip("[]"), int(port)


def _answers(address: str) -> bool:
    try:
        socket.create_connection(host_and_port(address), timeout=_ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _found_address() -> str:
    """Return the HOST:PORT of the cluster that Ray finds by itself."""
    from ray._private import services

    with contextlib.suppress(ConnectionError):
        return str(services.canonicalize_bootstrap_address("auto"))
    raise RunError(
        "a Ray cluster on this machine, or RAY_ADDRESS",
        "none",
        where="cluster auto",
        fix="give --cluster local, or HOST:PORT",
    )


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment while the context is open; "" removes one."""
    before = {name: os.environ.pop(name, "") for name in values}
    os.environ.update({name: value for name, value in values.items() if value})
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in before.items() if value})
