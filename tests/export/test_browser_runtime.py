"""onnxruntime-web from a registry on loopback, from the cache or from a file: only the pinned
package.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.errors import ArtifactError
from foretell.export import browser_runtime
from foretell.export.browser_runtime import ARCHIVE, runtime_files

NAMES = {"ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"}


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bytes:
    """A small package with a file too many, pinned instead of the real one; the cache is an empty
    folder.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as package:
        for name in (*sorted(NAMES), "ort.all.js"):
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(name)
            package.addfile(entry, io.BytesIO(name.encode()))
    digest = base64.b64encode(hashlib.sha512(stream.getvalue()).digest()).decode()
    monkeypatch.setattr(browser_runtime, "INTEGRITY", f"sha512-{digest}")
    monkeypatch.setattr(browser_runtime, "cached", lambda: tmp_path / "cache" / ARCHIVE)
    return stream.getvalue()


@pytest.fixture
def served(package: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths requested from a registry on loopback, which npm's own environment variable
    names.
    """
    requested: list[str] = []

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(package)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/npm")
    yield requested
    server.shutdown()
    server.server_close()


def test_downloaded_once_then_from_the_cache(served: list[str], tmp_path: Path) -> None:
    files = runtime_files()
    assert {name for name in files if not name.endswith("README.md")} == {
        f"runtime/{name.replace('.mjs', '.js')}" for name in NAMES
    }
    assert files["runtime/ort.wasm.min.js"] == b"ort.wasm.min.mjs"
    assert b"MIT" in files["runtime/README.md"]
    assert served == [f"/npm/onnxruntime-web/-/{ARCHIVE}"]
    assert runtime_files() == files
    assert len(served) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [ARCHIVE]


def test_a_file_given_by_the_user_must_have_the_pinned_digest(
    package: bytes, tmp_path: Path
) -> None:
    archive = tmp_path / "by-hand.tgz"
    archive.write_bytes(package)
    assert len(runtime_files(archive)) == 4
    archive.write_bytes(package + b"\0")
    with pytest.raises(
        ArtifactError, match=r"by-hand\.tgz: expected onnxruntime-web .* digest sha512-"
    ):
        runtime_files(archive)
    with pytest.raises(ArtifactError, match="No such file"):
        runtime_files(tmp_path / "missing.tgz")


def test_a_changed_package_is_neither_used_nor_cached(
    served: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_runtime, "INTEGRITY", "sha512-other")
    with pytest.raises(ArtifactError, match="digest"):
        runtime_files()
    assert len(served) == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("package")
def test_offline_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens on port 1.
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    with pytest.raises(ArtifactError, match=r"^http://127\.0\.0\.1:1/.*npm pack .*runtime$"):
        runtime_files()
