"""A connection to Ray: a cluster that foretell starts on this machine, or one that is there already.

A cluster that foretell starts listens on the loopback address only, needs a token that is in a file of mode
0600, has no dashboard, and keeps its files in a folder of its own. It ends, and the folder is deleted, with
the command. Every other cluster must check tokens: whoever may connect to Ray can run code.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.cluster.probe import answers, check_cluster, has_tls, host_and_port, token_environment
from foretell.errors import RunError, UsageError
from foretell.machine import require, usable_processors

INSTALL = "pip install 'foretell[cluster]'"
OBJECT_STORE_BYTES = 96 << 20
"""Shared memory of a local cluster. Rows never pass through it; a model that is sent to workers does."""
_LOOPBACK = "127.0.0.1"
_START_AGAIN = "start it again, then repeat the command: finished shards are kept"
_STOP_SECONDS = 20.0
_STARTS = 2
# A path of a Unix socket has at most 107 bytes, of which Ray's names need about 65.
_MAX_FOLDER = 38
# Ray knows an option for a cluster that stays on its machine, under the name of the systems that need it.
_ON_THIS_MACHINE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: HOST:PORT of its head.
        processors: of all nodes.
        nodes: how many there are.
        is_own: whether foretell started it, on this machine.
        start_seconds: seconds until it was ready.
        notes: what the user should know, one sentence each.
    """

    address: str
    processors: float
    nodes: int
    is_own: bool
    start_seconds: float
    notes: tuple[str, ...] = ()

    def check_alive(self, fix: str = _START_AGAIN) -> None:
        """Check that the head is still there.

        Args:
            fix: what to do where it is not.

        Raises:
            RunError: nothing answers at its address.
        """
        host, port = host_and_port(self.address)
        if not answers(host, port):
            raise RunError(
                expected="the head of the cluster",
                found="nothing that answers any more",
                where=self.address,
                fix=fix,
            )


def require_cluster() -> None:
    """Check that Ray and Arrow are installed, without importing them.

    Raises:
        MissingExtraError: one of them is not; `fix` is the command that installs it.
    """
    require(("ray", "pyarrow"), "--cluster", INSTALL)


@contextlib.contextmanager
def connected(where: str) -> Iterator[Cluster]:
    """Connect to a cluster while the context is open.

    Args:
        where: "local" starts one on this machine; "auto" is the one that Ray finds (RAY_ADDRESS, or the one
            that was started on this machine); anything else is the HOST:PORT of a head.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: not an address, no token, or this process is connected to another cluster.
        RunError: the cluster does not start or answer, or may not be used; see `probe.check_cluster`.
    """
    require_cluster()
    started = time.monotonic()
    import ray

    if ray.is_initialized():
        raise UsageError(
            expected="a process without a connection to Ray",
            found="one that ray.init has connected",
            where="cluster",
            fix="call ray.shutdown() first",
        )
    if where == "local":
        with _own_cluster(started) as cluster:
            yield cluster
        return
    address = _found_address() if where == "auto" else where
    seen = check_cluster(address)
    notes = () if has_tls() else ("the connection is not encrypted: Ray's TLS is off (docs/cluster.md)",)
    with contextlib.ExitStack() as stack:
        stack.enter_context(environment(token_environment()))
        if _stays_here(address):
            stack.enter_context(environment({_ON_THIS_MACHINE: "0"}))
            stack.enter_context(_loopback())
        _init(address=seen.address)
        stack.callback(_shutdown)
        yield _cluster(seen.address, started, is_own=False, notes=notes)


@contextlib.contextmanager
def _own_cluster(started: float) -> Iterator[Cluster]:
    folder = _own_folder()
    try:
        token = folder / "token"
        descriptor = os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        # An empty value is none: the user's own token is for other clusters.
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": str(token)}
        with environment({**own, _ON_THIS_MACHINE: "0", "RAY_USAGE_STATS_ENABLED": "0"}), _loopback():
            info = _start(folder)
            try:
                if info["node_ip_address"] != _LOOPBACK:
                    raise RunError(
                        expected="a cluster on the loopback address",
                        found=f"one on {info['node_ip_address']}",
                        fix="report this with the version of Ray",
                    )
                yield _cluster(info["gcs_address"], started, is_own=True)
            finally:
                _shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> dict[str, Any]:
    """Start a cluster; once more where it was too slow for Ray, which waits for 30 s, on a busy machine."""
    for attempt in range(_STARTS):
        with contextlib.suppress(*((RunError,) if attempt + 1 < _STARTS else ())):
            return _init(
                num_cpus=usable_processors(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address=_LOOPBACK,
                _temp_dir=str(folder / f"ray{attempt}"),
            )
    raise AssertionError("unreachable")


def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="foretell-ray-"))
    if len(os.fsencode(folder)) > _MAX_FOLDER and Path("/tmp").is_dir():
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="foretell-ray-", dir="/tmp"))
    return folder


@contextlib.contextmanager
def _loopback() -> Iterator[None]:
    """Let Ray keep the loopback address, which it would replace by that of the network on Linux."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _init(**options: Any) -> dict[str, Any]:
    import ray

    _read_token_again()
    # Ray writes the death of a worker to stdout, which is for data; the log of the run has it.
    internal: Any = ray._private.worker
    internal.print_to_stdstream = _ignore
    try:
        context = ray.init(log_to_driver=False, logging_level="CRITICAL", configure_logging=True, **options)
    except Exception as error:
        ray.shutdown()
        reason = " ".join(str(error).split())
        raise RunError(
            expected="a Ray cluster", found=f"an error while connecting ({reason:.200})",
            where=str(options.get("address", "local")), fix="foretell doctor --cluster shows its state",
        ) from error  # fmt: skip
    return dict(context.address_info)


def _ignore(*_: object, **__: object) -> None:
    """Take a message of Ray's and do nothing."""


def _read_token_again() -> None:
    """Let Ray read the mode and the token anew: it keeps those of this process's cluster before."""
    import ray

    raylet: Any = ray._raylet
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _cluster(address: str, started: float, *, is_own: bool, notes: tuple[str, ...] = ()) -> Cluster:
    import ray

    alive = [node for node in ray.nodes() if node["alive"]]
    return Cluster(
        address=address,
        processors=sum(node["Resources"].get("CPU", 0) for node in alive),
        nodes=len(alive),
        is_own=is_own,
        start_seconds=time.monotonic() - started,
        notes=notes,
    )


def _shutdown() -> None:
    """Disconnect; of a head that is gone Ray would wait for a minute, then end this process."""
    import ray

    thread = threading.Thread(target=ray.shutdown, daemon=True)
    thread.start()
    thread.join(_STOP_SECONDS)


def _stays_here(address: str) -> bool:
    """Return whether a head listens on the loopback address alone.

    Ray would look for it under the address of the network, and wait there for minutes.
    """
    from ray._private import services

    host, port = host_and_port(address)
    here = host in (_LOOPBACK, "localhost", "::1")
    return here and not answers(services.get_node_ip_address(), port)


def _found_address() -> str:
    """Return the HOST:PORT of the cluster that Ray finds by itself.

    Raises:
        RunError: it finds none, or several.
    """
    from ray._private import services

    try:
        found = services.canonicalize_bootstrap_address("auto")
    except Exception as error:
        raise _no_cluster(" ".join(str(error).split())[:100]) from error
    if not found:
        raise _no_cluster("none")
    return str(found)


def _no_cluster(found: str) -> RunError:
    return RunError(
        expected="a Ray cluster on this machine, or one that RAY_ADDRESS names",
        found=found,
        where="cluster auto",
        fix="give --cluster local, or the HOST:PORT of a head",
    )


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment while the context is open; "" removes one."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set({name: value or "" for name, value in before.items()})


def _set(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
