"""Messages between workers: exact, and refused where they are too large or nothing that is known."""

from __future__ import annotations

import json
import socket
import struct

import numpy as np
import pytest

from foretell.errors import LostWorkerError
from foretell.ring.connections import MAX_ARRAYS, MAX_HEADER, Connection, Message, connect, listening


def pair(seconds: float = 5.0) -> tuple[Connection, Connection]:
    server = listening("127.0.0.1")
    first = connect(server.getsockname(), "server", seconds)
    second = Connection(server.accept()[0], "client", seconds)
    server.close()
    first.use_keys(b"1" * 32, b"2" * 32)
    second.use_keys(b"2" * 32, b"1" * 32)
    return first, second


def test_a_message_arrives_as_it_was_sent() -> None:
    first, second = pair()
    arrays = {
        "a": np.arange(6, dtype=np.int32).reshape(2, 3),
        "b": np.zeros([0, 4], np.float32),
        "c": np.array(2.5, np.float32),
    }
    first.send(Message("step", {"rate": 0.1, "seed": [1, 2]}, arrays))
    found = second.receive(["step"], patient=True)
    assert found.values == {"rate": 0.1, "seed": [1, 2]}
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    first.close()
    with pytest.raises(LostWorkerError, match="client: expected an answer of the worker, found a closed"):
        second.receive(["step"], patient=True)
    second.close()


def header(**changes: object) -> bytes:
    return json.dumps({"kind": "step", "values": {}, "arrays": [], **changes}).encode()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b"abc", "bytes that are no message"),
        (b"[]", "bytes that are no message"),
        (header(arrays=[["a", "object", [1]]]), "arrays of unknown kinds"),
        (header(arrays=[["a", "float32", [-1]]]), "arrays of unknown kinds"),
        (header(arrays=[["a", "float32", [MAX_ARRAYS]]]), "arrays of unknown kinds, or larger"),
        (header(kind="stop"), "the message 'stop' instead of step"),
    ],
)
def test_other_bytes_are_refused(sent: bytes, found: str) -> None:
    first, second = pair()
    length = struct.pack("!I", len(sent))
    first.write(length + first.sealed(sent, length))
    with pytest.raises(LostWorkerError, match=found):
        second.receive(["step"])
    first.close()
    second.close()


def test_a_long_header_is_refused_before_it_is_read() -> None:
    first, second = pair()
    first.write(struct.pack("!I", MAX_HEADER + 1))
    with pytest.raises(LostWorkerError, match="a header of"):
        second.receive(["step"])
    first.close()
    second.close()


def sent_bytes(connection: Connection, message: Message) -> bytes:
    """Return what a message is on its way."""
    sent: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "write", lambda data: sent.append(bytes(data)))
        connection.send(message)
    return b"".join(sent)


MESSAGE = Message("step", {"rate": 0.1}, {"ids": np.arange(40, dtype=np.int32)})


def test_what_is_sent_cannot_be_read_on_its_way() -> None:
    first, second = pair()
    seen = sent_bytes(first, MESSAGE)
    assert b"step" not in seen
    assert MESSAGE.arrays["ids"].tobytes() not in seen
    assert sent_bytes(first, MESSAGE) != seen
    first.close()
    second.close()


@pytest.mark.parametrize("place", [0, 3, 4, 30, -17, -1], ids=str)
def test_one_changed_bit_is_refused(place: int) -> None:
    first, second = pair(0.3)
    changed = bytearray(sent_bytes(first, MESSAGE))
    changed[place] ^= 1
    first.write(changed)
    found = "a header of" if place == 0 else "bytes that the worker did not send|nothing for"
    with pytest.raises(LostWorkerError, match=found):
        second.receive(["step"])
    first.close()
    second.close()


def test_what_is_sent_again_or_back_is_refused() -> None:
    first, second = pair()
    once = sent_bytes(first, MESSAGE)
    first.write(once * 2)
    second.receive(["step"])
    with pytest.raises(LostWorkerError, match="bytes that the worker did not send"):
        second.receive(["step"])
    second.write(once)
    with pytest.raises(LostWorkerError, match="bytes that the worker did not send"):
        first.receive(["step"])
    first.close()
    second.close()


def test_silence_is_an_error_after_a_while() -> None:
    first, second = pair(0.2)
    with pytest.raises(LostWorkerError, match=r"found nothing for 0.2 s"):
        second.receive(["step"])
    with pytest.raises(LostWorkerError, match=r"found nothing for 0.2 s"):
        first.write(bytes(1 << 24))
    first.close()
    second.close()


def test_an_address_where_nobody_listens_is_an_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(LostWorkerError, match="expected a worker, found nothing that answers"):
        connect(address, "worker 1")
