"""A Ray cluster in another process: as foretell starts it, or one of Ray's own that checks
tokens.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FORETELLS = """
import json, os, sys
from foretell.cluster.session import connected
with connected("local") as cluster:
    print(json.dumps([cluster.address, os.environ["RAY_AUTH_TOKEN_PATH"]]), flush=True)
    sys.stdin.read()
"""
_RAYS = """
import json, os, ray, sys
options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "CRITICAL"}
info = ray.init(num_cpus=2, object_store_memory=80 << 20, **options).address_info
print(json.dumps([info["gcs_address"], os.environ["RAY_AUTH_TOKEN_PATH"]]), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Head:
    """A cluster: the HOST:PORT of its head, the file with its token, and the process that ends
    it.
    """

    address: str
    token: Path
    process: subprocess.Popen[str]


@contextmanager
def running_head(*, is_rays: bool = False) -> Iterator[Head]:
    """Start a cluster, and end it with the context; `is_rays`: one of Ray's own, which checks
    tokens.
    """
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text(secrets.token_hex(32))
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)} if is_rays else {}
        process = subprocess.Popen(
            [sys.executable, "-c", _RAYS if is_rays else _FORETELLS],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            address, path = json.loads(process.stdout.readline())
            yield Head(address, Path(path), process)
        finally:
            process.stdin.close()
            process.wait(timeout=60)
            process.stdout.close()
