"""A connection to Ray: a cluster that foretell starts on this machine, or one that is there already.

A cluster that foretell starts listens on the loopback address only, needs a token that is in a file of mode
0600, has no dashboard, and keeps its files in a folder of its own. Ray ends it with the command, also where
that is killed. Every other cluster must check tokens: whoever may connect to Ray can run code.
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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from foretell.errors import RunError, UsageError
from foretell.machine import require, usable_processors

OBJECT_STORE_BYTES = 96 << 20
"""Shared memory of a local cluster. Rows never pass through it; a model that is sent to workers does."""
_LOOPBACK = "127.0.0.1"
_ANSWER_SECONDS, _STOP_SECONDS, _START_SECONDS = 5.0, 20.0, 120.0
# A path of a Unix socket has at most 107 bytes, of which Ray's names need about 65.
_MAX_FOLDER = 38
# Ray knows an option for a cluster that stays on its machine, under the name of the systems that need it.
_ON_THIS_MACHINE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_WRONG_TOKEN = "a wrong one, or none"
_GIVE_TOKEN = "set RAY_AUTH_TOKEN_PATH to the file with the token of the cluster"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: HOST:PORT of its head.
        processors: of all nodes.
        notes: what the user should know, one sentence each.
    """

    address: str
    processors: float
    notes: tuple[str, ...] = ()

    def workers(self, asked: int | None) -> int:
        """Return the number of workers, one for each processor where none is asked for."""
        check_processors(asked, int(self.processors))
        return asked or max(1, int(self.processors))

    def wait_for_worker(self) -> None:
        """Wait until a processor is free."""
        import ray
        from ray.exceptions import RayError

        task: Any = ray.remote
        hello = task(num_cpus=1, max_retries=0)(version)
        try:
            found = ray.get(hello.remote("foretell"), timeout=_START_SECONDS)
        except (RayError, PackageNotFoundError) as error:
            found = f"no worker ({' '.join(str(error).split()) or 'its processors are taken':.200})"
        if found != version("foretell"):
            raise RunError(
                expected=f"a worker with foretell {version('foretell')} within {_START_SECONDS:.0f} s",
                found=found,
                where=self.address,
                fix="wait until processors are free, or install the same foretell[cluster] on every node",
            )

    def check_alive(self) -> None:
        """Check that the head is still there."""
        if not _answers(*host_and_port(self.address)):
            raise RunError(
                expected="the head of the cluster", found="nothing that answers any more", where=self.address,
                fix="start it again, then repeat the command: what is finished is kept",
            )  # fmt: skip


def require_cluster() -> None:
    """Check that Ray and Arrow are installed, without importing them.

    Raises:
        MissingExtraError: one of them is not; `fix` is the command that installs it.
    """
    require(("ray", "pyarrow"), "--cluster", "pip install 'foretell[cluster]'")


def check_processors(workers: int | None, processors: int) -> None:
    """Check that no worker would wait for a processor for ever."""
    if workers is not None and workers > processors:
        raise UsageError(
            expected=f"at most {processors} workers, one for each processor of the cluster",
            found=str(workers), where="workers", fix="give fewer, or add nodes",
        )  # fmt: skip


@contextlib.contextmanager
def connected(where: str) -> Iterator[Cluster]:
    """Connect to a cluster while the context is open.

    Args:
        where: "local" starts one on this machine; "auto" is the one that Ray finds (RAY_ADDRESS, or the one
            that was started on this machine); anything else is the HOST:PORT of a head.
    """
    require_cluster()
    import ray

    if ray.is_initialized():
        raise UsageError(
            expected="a process without a connection to Ray", found="one that ray.init has connected",
            where="cluster", fix="call ray.shutdown() first",
        )  # fmt: skip
    with contextlib.ExitStack() as stack:
        notes: tuple[str, ...] = ()
        if where == "local":
            address = stack.enter_context(_own_cluster())
        else:
            address = _found_address() if where == "auto" else where
            notes = _check_cluster(address)
            stack.enter_context(environment({"RAY_AUTH_MODE": "token"}))
            if _stays_here(address):
                stack.enter_context(_loopback())
            _init(address=address)
            stack.callback(_shutdown)
        alive = [node for node in ray.nodes() if node["alive"]]
        yield Cluster(address, sum(node["Resources"].get("CPU", 0) for node in alive), notes)


@contextlib.contextmanager
def _own_cluster() -> Iterator[str]:
    """Start a cluster, and yield the address of its head."""
    folder = Path(tempfile.mkdtemp(prefix="foretell-ray-"))
    if len(os.fsencode(folder)) > _MAX_FOLDER and Path("/tmp").is_dir():
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="foretell-ray-", dir="/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        token = folder / "token"
        descriptor = os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        # An empty value is none: the user's own token is for other clusters.
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": str(token)}
        stack.enter_context(environment({**own, "RAY_USAGE_STATS_ENABLED": "0"}))
        stack.enter_context(_loopback())
        options = {
            "num_cpus": usable_processors(), "include_dashboard": False, "_node_ip_address": _LOOPBACK,
            "object_store_memory": OBJECT_STORE_BYTES,
        }  # fmt: skip
        try:
            info = _init(**options, _temp_dir=str(folder / "ray"))
        except RunError:
            # Ray waits for 30 s, which is too short on a busy machine.
            info = _init(**options, _temp_dir=str(folder / "again"))
        stack.callback(_shutdown)
        if info["node_ip_address"] != _LOOPBACK:
            found, fix = f"one on {info['node_ip_address']}", "report this with the version of Ray"
            raise RunError(expected="a cluster on the loopback address", found=found, fix=fix)
        yield info["gcs_address"]


@contextlib.contextmanager
def _loopback() -> Iterator[None]:
    """Let Ray keep the loopback address, which it would replace by that of the network on Linux."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with environment({_ON_THIS_MACHINE: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _init(**options: Any) -> dict[str, Any]:
    import ray

    _without_old_token()
    # Ray writes the death of a worker to stdout, which is for data; the log of the run has it.
    internal: Any = ray._private.worker
    internal.print_to_stdstream = lambda *_, **__: None
    try:
        context = ray.init(log_to_driver=False, logging_level="CRITICAL", configure_logging=True, **options)
    except Exception as error:
        ray.shutdown()
        raise RunError(
            expected="a Ray cluster",
            found=f"an error while connecting ({' '.join(str(error).split()):.200})",
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


def _check_cluster(address: str) -> tuple[str, ...]:
    """Check that this process may use a cluster, and return notes on it."""
    is_there = _answers(*host_and_port(address))
    names, default = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"), Path.home() / ".ray" / "auth_token"
    if not any(map(os.environ.get, names)) and not default.is_file():
        expected, fix = "a token, which every cluster but local needs", _GIVE_TOKEN
        raise UsageError(expected=expected, found="none", where="cluster", fix=fix)
    found = _found_at(address, {}) if is_there else "nothing that answers"
    expected, fix = "the head of a Ray cluster", "check the address, or start one (docs/cluster.md)"
    if found == _WRONG_TOKEN:
        expected, fix = "the token of the cluster", _GIVE_TOKEN
    elif not found and not _found_at(address, {"RAY_AUTH_TOKEN": secrets.token_hex(32)}):
        expected, found = "a cluster that checks tokens", "one that anybody who reaches it can run code on"
        fix = "start it again with RAY_AUTH_MODE=token (docs/cluster.md)"
    if found:
        raise RunError(expected=expected, found=found, where=address, fix=fix)
    is_encrypted = os.environ.get("RAY_USE_TLS", "").lower() in ("1", "true")
    return () if is_encrypted else ("the connection is not encrypted: Ray's TLS is off (docs/cluster.md)",)


def _found_at(address: str, token: Mapping[str, str]) -> str:
    """Return what is there in place of a head that takes the user's token, or this one; "": it is a head."""
    from ray.exceptions import AuthenticationError

    with environment({"RAY_AUTH_MODE": "token", **token}):
        raylet = _without_old_token()
        try:
            client = raylet.GcsClient(address=address)
            metadata = client.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=_ANSWER_SECONDS)
        except AuthenticationError:
            return _WRONG_TOKEN
        except Exception as error:
            return f"something else ({' '.join(str(error).split()):.200})"
    return "" if metadata else "a head without metadata"


def _without_old_token() -> Any:
    """Let Ray read the mode and the token anew, which it keeps from the cluster before; return its module."""
    import ray

    raylet: Any = ray._raylet
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
    return raylet


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of HOST:PORT."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(
            expected="local, auto, or the HOST:PORT of a head (port 6379 unless it was changed)",
            found=repr(address),
            where="cluster",
        )
    return host.strip("[]"), int(port)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _stays_here(address: str) -> bool:
    """Return whether a head listens on the loopback address alone.

    Ray would look for it under the address of the network, and wait there for minutes.
    """
    from ray._private import services

    host, port = host_and_port(address)
    here = host in (_LOOPBACK, "localhost", "::1")
    return here and not _answers(services.get_node_ip_address(), port)


def _found_address() -> str:
    """Return the HOST:PORT of the cluster that Ray finds by itself."""
    from ray._private import services

    try:
        found = services.canonicalize_bootstrap_address("auto") or "none"
    except Exception as error:
        found = " ".join(str(error).split())[:100]
    if "/" in found or " " in found or found == "none":
        raise RunError(
            expected="a Ray cluster on this machine, or one that RAY_ADDRESS names", found=found,
            where="cluster auto", fix="give --cluster local, or the HOST:PORT of a head",
        )  # fmt: skip
    return str(found)


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
