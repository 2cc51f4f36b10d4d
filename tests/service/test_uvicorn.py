"""All that the service uses of uvicorn. Where one of these fails after an upgrade, uvicorn has changed."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from foretell.service import connection, server
from foretell.service.connection import Connection

PACKAGE = Path(connection.__file__).parent


def test_uvicorn_is_used_in_two_modules_only() -> None:
    imports = {
        path.name: sorted(
            line for line in path.read_text().splitlines() if "uvicorn" in line and "import" in line
        )
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: lines for name, lines in imports.items() if lines} == {
        "connection.py": ["from uvicorn import Config", "from uvicorn.server import ServerState"],
        "server.py": ["import uvicorn"],
    }


def test_a_protocol_is_made_from_the_same_arguments() -> None:
    own = list(inspect.signature(Connection.__init__).parameters)
    assert own[:5] == list(inspect.signature(HttpToolsProtocol.__init__).parameters)
    assert own[5:] == ["read_seconds"]


def test_the_server_state_has_what_the_connection_uses() -> None:
    state = ServerState()
    assert isinstance(state.connections, set)
    assert isinstance(state.tasks, set)
    assert isinstance(state.default_headers, list)
    source = inspect.getsource(connection)
    used = {each for name in ("_server", "_config", "config") for each in _attributes(source, name)}
    assert used == {"connections", "tasks", "default_headers", "loaded_app", "timeout_keep_alive"}


def test_the_server_asks_a_connection_for_its_shutdown_only() -> None:
    source = inspect.getsource(uvicorn.Server.shutdown)
    assert "connection.shutdown()" in source
    assert _attributes(source, "connection") == {"shutdown"}


def test_the_config_accepts_a_protocol_class() -> None:
    async def app(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError

    config = uvicorn.Config(app, http=asyncio.Protocol, ws="none", log_config=None)
    config.load()
    assert config.http_protocol_class is asyncio.Protocol
    assert config.loaded_app


def test_the_server_has_what_ours_overrides() -> None:
    for name in ("startup", "capture_signals"):
        assert name in vars(uvicorn.Server)
        own = inspect.signature(getattr(server.Server, name))
        assert list(own.parameters) == list(inspect.signature(getattr(uvicorn.Server, name)).parameters)
    assert {"should_exit", "force_exit"} <= set(vars(uvicorn.Server(uvicorn.Config("a:b", log_config=None))))


def _attributes(source: str, name: str) -> set[str]:
    """Return the attributes of `name` or `self.name` that a source uses."""
    found = set()
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if (isinstance(owner, ast.Name) and owner.id == name) or (
                isinstance(owner, ast.Attribute) and owner.attr == name
            ):
                found.add(node.attr)
    return found
