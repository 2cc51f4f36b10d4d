"""The socket that the service listens on."""

from __future__ import annotations

import errno
import socket

from foretell.errors import ForetellError, UsageError

_WAITING = 2_048
"""Connections that wait while the models are opened."""


def check_host(host: str) -> None:
    """Check that an address to listen on has no port.

    Raises:
        UsageError: it has one.
    """
    name, _, port = host.rpartition(":")
    if name and ":" not in name and port.isdigit():
        raise UsageError(
            "an address without a port",
            host,
            where="--host",
            fix=f"give --host {name} --port {port}",
        )


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: a name or an address, IPv4 or IPv6.
        port: the port; 0: any free port.

    Raises:
        UsageError: this machine has no such address, or the port is not from 0 to 65535.
        ForetellError: the port is in use, or this user may not use it.
    """
    if not 0 <= port <= 65535:
        raise UsageError("a number from 0 to 65535", port, where="--port")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # It may take the address of a service that has just ended, but not a port in use.
        return socket.create_server(address, family=family, backlog=_WAITING)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError("an address of this machine", host, where="--host") from error
    except OSError as error:
        expected = "an address and port that may be used"
        found = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            expected = "a free port"
            found = f"port {port} in use"
        raise ForetellError(
            expected,
            found,
            where=host,
            fix="stop the program that uses it, or choose another --host or --port",
        ) from error


def url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
