"""Downloads from addresses that foretell knows, bounded in bytes, time and redirects.

What is on the Hugging Face Hub is downloaded by `hub.client`, within limits of its own.
"""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import IO

_CHUNK = 1 << 16


@dataclass(frozen=True)
class DownloadLimits:
    """What a download may cost.

    Attributes:
        max_bytes: of the content. The larger of the two archives has 84 MB.
        seconds: in total, from the request to the last byte.
        silent_seconds: without any byte.
        redirects: number of redirects.
    """

    max_bytes: int = 100 << 20
    seconds: float = 1800
    silent_seconds: float = 60
    redirects: int = 5


LIMITS = DownloadLimits()


def download(address: str, limits: DownloadLimits = LIMITS) -> bytes:
    """Return the content at an address.

    Raises:
        OSError: it cannot be reached, the content is not complete, or a limit was reached.
        ValueError: not an address.
    """
    answers: queue.Queue[bytes | Exception] = queue.Queue()
    stop = threading.Event()

    def work() -> None:
        try:
            answers.put(_content(address, limits, stop))
        except urllib.error.HTTPError as error:
            # It holds the connection.
            error.close()
            answers.put(OSError(" ".join(str(error).split())))
        except http.client.HTTPException as error:
            answers.put(OSError(f"no HTTP answer that can be read ({type(error).__name__})"))
        except Exception as error:
            answers.put(error)

    # A server that sends the head of its answer byte by byte cannot be bounded in the same thread.
    threading.Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=limits.seconds)
    except queue.Empty:
        raise TimeoutError(f"no complete answer after {limits.seconds:g} seconds") from None
    finally:
        stop.set()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _content(address: str, limits: DownloadLimits, stop: threading.Event) -> bytes:
    opener = urllib.request.build_opener(_redirects(limits.redirects))
    content = bytearray()
    with opener.open(address, timeout=limits.silent_seconds) as answer:
        announced = answer.headers.get("Content-Length")
        size = int(announced) if announced else None
        if size is not None and size > limits.max_bytes:
            raise OSError(f"{size:,} bytes, more than {limits.max_bytes:,}")
        while not stop.is_set() and (chunk := _next_chunk(answer)):
            content += chunk
            if len(content) > limits.max_bytes:
                raise OSError(f"more than {limits.max_bytes:,} bytes")
    if size is not None and len(content) != size:
        raise OSError(f"{len(content):,} of {size:,} bytes")
    return bytes(content)


def _next_chunk(answer: IO[bytes]) -> bytes:
    # The answer for a file:// address has no read1.
    read = getattr(answer, "read1", answer.read)
    chunk: bytes = read(_CHUNK)
    return chunk


def _redirects(limit: int) -> urllib.request.HTTPRedirectHandler:
    class Redirects(urllib.request.HTTPRedirectHandler):
        max_redirections = limit

        def redirect_request(
            self,
            req: urllib.request.Request,
            fp: IO[bytes],
            code: int,
            msg: str,
            headers: http.client.HTTPMessage,
            newurl: str,
        ) -> urllib.request.Request | None:
            if not newurl.startswith(("https:", f"{req.type}:")):
                reason = f"a redirect from {req.type} to {newurl:.80}"
                raise urllib.error.HTTPError(req.full_url, code, reason, headers, fp)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Redirects()
