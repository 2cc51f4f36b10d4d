"""Single keys from a terminal, and lines from anything else."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Any, Self

from foretell.cli.output import show

_ESCAPE = "\x1b"
_ENDS = ("", "\x04")
"""The end of the input, and Ctrl-D."""


class Lines:
    """Where answers come from: the lines of a pipe or a file. A context manager."""

    is_terminal = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def key(self) -> str | None:
        """Return the next command: a line, or a key of a terminal; None: the input has ended."""
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def line(self, prompt: str) -> str | None:
        """Return the next line; None: the input has ended. A terminal shows the prompt."""
        del prompt
        return Lines.key(self)


class Terminal(Lines):
    """Single keys of a terminal, without waiting for Enter. Ctrl-C stays Ctrl-C."""

    is_terminal = True

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin.fileno())
            # Now, not once the input is read: a key that was pressed early must not be lost.
            tty.setcbreak(sys.stdin.fileno(), termios.TCSANOW)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32" and self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._before)

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
        self.__exit__()
        try:
            return Lines.key(self)
        finally:
            self.__enter__()


def keyboard() -> Lines:
    """Return the keyboard of this process: single keys where stdin and stdout are a terminal."""
    return Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else Lines()


def _read(descriptor: int) -> str:
    """Return what one press of a key sends: a character, or a sequence that begins with Esc."""
    import select

    sent = os.read(descriptor, 1)
    if sent != _ESCAPE.encode():
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(sent)
        while sent and not text:
            sent = os.read(descriptor, 1)
            text = decoder.decode(sent, final=not sent)
        return text
    # The rest of a control sequence (ECMA-48) is there at once.
    while select.select([descriptor], [], [], 0.02)[0] and (byte := os.read(descriptor, 1)):
        sent += byte
        # "[" and "O" introduce a sequence; a byte from @ to ~ ends it.
        if sent[1:] not in (b"[", b"O") and 0x40 <= byte[0] <= 0x7E:
            break
    return sent.decode("latin-1")


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
