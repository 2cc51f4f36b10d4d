"""Bytes that only the other end of a connection can read, and nobody can change: AES-256-GCM.

Galois/counter mode (NIST SP 800-38D) encrypts and authenticates at once, some gigabytes a second. Each
direction of a connection has a key of its own, and what is sent in it is numbered from 0: the number is the
nonce. So what is changed, repeated, left out, or from another connection, is refused.
"""

from __future__ import annotations

from foretell.arrays import Array

KEY_BYTES = 32
TAG_BYTES = 16
"""By so many bytes what is sealed is longer."""
_NONCE_BYTES = 12


class Seal:
    """One direction of a connection. Both ends have one with the same key, and use it in the same order.

    >>> sealed = Seal(key).closed(b"text", about=b"4 bytes")
    >>> Seal(key).opened(sealed, text := bytearray(4), about=b"4 bytes")
    True

    Args:
        key: 32 bytes that no other direction of any connection has.
    """

    def __init__(self, key: bytes) -> None:
        # Only a training on several workers needs it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._number = 0

    def closed(self, data: bytes | memoryview, about: bytes = b"") -> bytearray:
        """Return data, sealed.

        Args:
            data: any bytes.
            about: what is sent before it without a seal; it is authenticated too.
        """
        sealed = bytearray(len(data) + TAG_BYTES)
        self._cipher.encrypt_into(self._nonce(), data, about, sealed)
        return sealed

    def opened(self, sealed: bytearray, into: bytearray | memoryview, about: bytes = b"") -> bool:
        """Write data that was sealed into a buffer of its length, and return whether it is what was sent."""
        from cryptography.exceptions import InvalidTag

        try:
            self._cipher.decrypt_into(self._nonce(), sealed, about, into)
        except InvalidTag:
            return False
        return True

    def _nonce(self) -> bytes:
        number = self._number
        self._number += 1
        return number.to_bytes(_NONCE_BYTES, "big")


def bytes_of(array: Array) -> memoryview:
    """Return the bytes of an array, which share its memory."""
    return array.data.cast("B") if array.size else memoryview(bytearray())
