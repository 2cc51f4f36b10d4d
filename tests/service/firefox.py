"""Firefox in the tests, by its own protocol Marionette: no driver has to be installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60


class Firefox:
    """A window of Firefox.

    Args:
        connection: the socket of Marionette. A message is its length, a colon, and JSON.
    """

    TAB = "\ue004"
    ALT = "\ue00a"
    CONTROL = "\ue009"
    RELEASED = "\ue000"

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._number = 0
        self._read()
        self._call("WebDriver:NewSession", {})

    def open(self, url: str) -> None:
        self._call("WebDriver:Navigate", {"url": url})

    def run(self, script: str) -> Any:
        """Return what the body of a function returns."""
        options = {"script": script, "args": [], "sandbox": None}
        return self._call("WebDriver:ExecuteScript", options)["value"]

    def until(self, script: str) -> None:
        end = time.monotonic() + SECONDS
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def type(self, selector: str, text: str) -> None:
        """Press the keys of a text in an element."""
        found = self._call("WebDriver:FindElement", {"using": "css selector", "value": selector})
        (element,) = found["value"].values()
        self._call("WebDriver:ElementSendKeys", {"id": element, "text": text})

    def _call(self, command: str, options: dict[str, Any]) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, command, options]).encode()
        self._stream.write(b"%d:%b" % (len(message), message))
        self._stream.flush()
        _, _, error, answer = self._read()
        assert error is None, error
        return answer

    def _read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            size += self._stream.read(1)
        return json.loads(self._stream.read(int(size[:-1])))


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Run Firefox without a window, or skip the test if it is not installed."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("needs Firefox: apt-get install firefox-esr")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as profile:
        preferences = f'user_pref("marionette.port", {port});\n'
        (Path(profile) / "user.js").write_text(preferences)
        command = [program, "--headless", "--marionette", "--no-remote", "--profile", profile]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet) as process:
            try:
                with _connected(port) as connection:
                    yield Firefox(connection)
            finally:
                process.terminate()


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + SECONDS
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        except OSError:
            assert time.monotonic() < end, "Firefox does not answer"
            time.sleep(0.1)
        else:
            return connection
