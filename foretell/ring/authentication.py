"""Both ends of a connection prove that they know the secret of the run, without sending it, and make keys.

Each end sends random bytes, and answers those of the other by an HMAC-SHA256 (challenge and response)::

    client → server   magic, purpose, rank, 32 random bytes
    server → client   32 random bytes, HMAC("server", all of the above)
    client → server   HMAC("client", all of the above)
    server → client   one byte: accepted

The words "server" and "client" are part of what is hashed, so that no answer can be sent back to its sender.
Everything after that is sealed with keys that are made in the same way: an HMAC of the secret for each
direction, which depends on the random bytes of both ends.
Everything has a fixed length: a stranger makes the server read 41 bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from typing import Literal

from foretell.errors import LostWorkerError
from foretell.ring.connections import Connection

Purpose = Literal["control", "ring"]

HANDSHAKE_SECONDS = 5.0
"""A client that takes longer to answer is refused."""

SECRET_BYTES = 32
_MAGIC, _RANDOM, _ACCEPTED = b"frtl", 32, b"\x01"
_HELLO = struct.Struct("!4sBI32s")
_PURPOSES: tuple[Purpose, ...] = ("control", "ring")


def new_secret() -> bytes:
    """Return the secret of a run."""
    return secrets.token_bytes(SECRET_BYTES)


def introduce(connection: Connection, secret: bytes, purpose: Purpose, rank: int) -> None:
    """Prove to a server that this worker knows the secret, and check that the server does.

    Args:
        connection: to the server.
        secret: of the run.
        purpose: what the connection is for.
        rank: of this worker.

    Raises:
        LostWorkerError: the server does not know the secret, or refuses this worker.
    """
    hello = _HELLO.pack(_MAGIC, _PURPOSES.index(purpose), rank, secrets.token_bytes(_RANDOM))
    connection.write(hello)
    answer = bytes(connection.read(_RANDOM + hashlib.sha256().digest_size))
    theirs, proof = answer[:_RANDOM], answer[_RANDOM:]
    if not hmac.compare_digest(proof, _proof(secret, b"server", hello, theirs)):
        raise connection.lost("a server without the secret of the run")
    connection.write(_proof(secret, b"client", hello, theirs))
    if bytes(connection.read(1)) != _ACCEPTED:
        raise connection.lost("a refusal")
    keys = (_proof(secret, role, hello, theirs) for role in (b"key of the client", b"key of the server"))
    connection.use_keys(*keys)


def admit(connection: Connection, secret: bytes, purpose: Purpose) -> int:
    """Check that a client knows the secret, and prove that this worker does.

    Args:
        connection: from the client.
        secret: of the run.
        purpose: what connections to this server are for.

    Returns:
        The client's rank.

    Raises:
        LostWorkerError: it does not know the secret, or wants something else.
    """
    before, connection.seconds = connection.seconds, HANDSHAKE_SECONDS
    connection.socket.settimeout(HANDSHAKE_SECONDS)
    hello = bytes(connection.read(_HELLO.size))
    magic, number, rank, _ = _HELLO.unpack(hello)
    if magic != _MAGIC or number != _PURPOSES.index(purpose):
        raise connection.lost("a client of something else")
    mine = secrets.token_bytes(_RANDOM)
    connection.write(mine + _proof(secret, b"server", hello, mine))
    proof = bytes(connection.read(hashlib.sha256().digest_size))
    if not hmac.compare_digest(proof, _proof(secret, b"client", hello, mine)):
        raise connection.lost("a client without the secret of the run")
    connection.write(_ACCEPTED)
    keys = (_proof(secret, role, hello, mine) for role in (b"key of the server", b"key of the client"))
    connection.use_keys(*keys)
    connection.seconds = before
    connection.socket.settimeout(before)
    return int(rank)


def _proof(secret: bytes, role: bytes, hello: bytes, random: bytes) -> bytes:
    if len(secret) < SECRET_BYTES:
        raise LostWorkerError(expected=f"a secret of {SECRET_BYTES} bytes", found=str(len(secret)))
    return hmac.new(secret, role + hello + random, hashlib.sha256).digest()
