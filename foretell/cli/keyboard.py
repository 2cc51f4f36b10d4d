"""Single keys from a terminal, and lines from anything else."""

from __future__ import annotations

import codecs
import os
import sys
from types import TracebackType
from typing import Any, Protocol, Self

from foretell.cli.output import show

_ESCAPE = "\x1b"
_ENDS = ("", "\x04")
"""The end of the input, and Ctrl-D."""


class Keyboard(Protocol):
    """Where the answers come from."""

    is_terminal: bool

    def __enter__(self) -> Self:
        """Begin to read."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def key(self) -> str | None:
        """Return the next command: a key, or from a pipe a line; None: the input has ended."""

    def line(self, prompt: str) -> str | None:
        """Return a line that is typed after a prompt; None: the input has ended."""


class Lines:
    """Lines from a pipe or a file."""

    is_terminal = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def key(self) -> str | None:
        """Return the next line; None: the input has ended."""
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def line(self, prompt: str) -> str | None:
        """Return the next line, without showing the prompt."""
        del prompt
        return self.key()


class Terminal:
    """Single keys of a terminal, without waiting for Enter. Ctrl-C stays Ctrl-C."""

    is_terminal = True

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def key(self) -> str | None:
        """Return the next key; keys that send a sequence, such as arrows, are left out. None: Ctrl-D."""
        if sys.platform == "win32":
            return _windows_key()
        while True:
            pressed = _read(sys.stdin.fileno())
            if pressed in _ENDS:
                return None
            if not pressed.startswith(_ESCAPE):
                return "" if pressed in "\r\n" else pressed

    def line(self, prompt: str) -> str | None:
        """Return a line; Ctrl-D gives None."""
        show(prompt, end="", flush=True)
        self._by_line()
        try:
            line = sys.stdin.readline()
        finally:
            self._by_key()
        return line.rstrip("\r\n") if line else None

    def __enter__(self) -> Self:
        self._by_key()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._by_line()

    def _by_key(self) -> None:
        if sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin.fileno())
            # Now, not once the input is read: a key that was pressed early must not be lost.
            tty.setcbreak(sys.stdin.fileno(), termios.TCSANOW)

    def _by_line(self) -> None:
        if sys.platform != "win32" and self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._before)


def keyboard() -> Keyboard:
    """Return the keyboard of this process: single keys where stdin and stdout are a terminal."""
    return Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else Lines()


def _read(descriptor: int) -> str:
    """Return what one press of a key sends: a character, or a sequence that begins with Esc."""
    first = os.read(descriptor, 1)
    if first == _ESCAPE.encode():
        return (first + _rest_of_sequence(descriptor)).decode("latin-1")
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(first)
    while first and not text:
        first = os.read(descriptor, 1)
        text = decoder.decode(first, final=not first)
    return text


def _rest_of_sequence(descriptor: int) -> bytes:
    """Return what follows Esc in a control sequence (ECMA-48), which is there at once."""
    import select

    rest = b""
    while select.select([descriptor], [], [], 0.02)[0] and (byte := os.read(descriptor, 1)):
        rest += byte
        # "[" and "O" introduce a sequence; a byte from @ to ~ ends it.
        if rest not in (b"[", b"O") and 0x40 <= byte[0] <= 0x7E:
            break
    return rest


def _windows_key() -> str | None:
    import msvcrt

    while True:
        pressed: str = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        if pressed == "\x03":
            raise KeyboardInterrupt
        if pressed in ("\x04", "\x1a"):
            return None
        if pressed in ("\x00", "\xe0"):
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        else:
            return "" if pressed in "\r\n" else pressed
