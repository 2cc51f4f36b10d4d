"""A stand-in of the Hub's HTTP API on this machine: what huggingface_hub asks for when foretell
uses it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_secretsecretsecretsecretsecretsecret"
_NAME = r"([\w.-]+/[\w.-]+)"
_REVISION = r"(refs/convert/parquet|[^/]+)"


@dataclass
class Repository:
    """A repository: its commits from old to new, each with all of its files."""

    private: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits.append((sha, files))
        self.refs[ref] = sha
        return sha

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][1]


@dataclass
class Hub:
    """The state of the stand-in, which tests read and change.

    Attributes:
        repositories: by name; that of a data set begins with "datasets/".
        requests: method and path of each request.
        failure: status and message of every answer; None: it works.
        endless: whether the content of each file never ends.
        wait: seconds before each further part of an endless file.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failure: tuple[int, str] | None = None
    endless: bool = False
    wait: float = 0

    def add(self, name: str, files: dict[str, bytes]) -> Repository:
        """Make a public repository with one commit."""
        repository = self.repositories[name] = Repository()
        repository.commit(files)
        return repository

    def downloads(self) -> list[str]:
        return [
            line.rsplit("/", 1)[1] for line in self.requests if re.match("GET .*/resolve/", line)
        ]


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a new, empty hub on a free port."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = self._body()
        asked = f"{self.command} {unquote(urlsplit(self.path).path)}"
        self.hub.requests.append(asked)
        if self.hub.failure is not None:
            status, message = self.hub.failure
            self._send(status, {"error": message}, {"X-Error-Message": message})
            return
        for pattern, handle in _ROUTES.items():
            if match := re.fullmatch(pattern, asked):
                handle(self, body, *match.groups())
                return
        self._send(404, {"error": "no route"})

    do_HEAD = do_POST = do_GET  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, value: Any = None, headers: dict[str, str] | None = None) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    @property
    def _may_write(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _found(
        self, kind: str, name: str, revision: str
    ) -> tuple[Repository, str, dict[str, bytes]] | None:
        """Return a repository, the commit of a revision and its files; answer itself where there is
        none.
        """
        repository = self.hub.repositories.get(f"datasets/{name}" if kind == "dataset" else name)
        if repository is None or (repository.private and not self._may_write):
            status = 404 if self._may_write else 401
            self._send(status, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        sha = repository.refs.get(revision, revision)
        for each, files in repository.commits:
            if each == sha:
                return repository, sha, files
        self._send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return None

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        if not self._may_write:
            self._send(401, {"error": "Invalid username or password."})
        elif asked["organization"] != "ada":
            self._send(403, {"error": f"You may not create in {asked['organization']}"})
        elif (name := f"{asked['organization']}/{asked['name']}") in self.hub.repositories:
            self._send(409, {"url": f"{self.hub.url}/{name}"})
        else:
            made = self.hub.add(name, {".gitattributes": b"*.onnx filter=lfs\n"})
            made.private = asked.get("visibility") == "private" or asked.get("private") is True
            self._send(200, {"url": f"{self.hub.url}/{name}"})

    def validate(self, body: bytes) -> None:
        has_header = json.loads(body)["content"].startswith("---\nlibrary_name: foretell\n")
        errors = [] if has_header else [{"message": "library_name is missing"}]
        self._send(400 if errors else 200, {"errors": errors, "warnings": []})

    def info(self, _: bytes, kind: str, name: str, revision: str = "main") -> None:
        if (found := self._found(kind, name, revision)) is not None:
            repository, sha, files = found
            siblings = [{"rfilename": path} for path in files]
            self._send(
                200, {"id": name, "sha": sha, "private": repository.private, "siblings": siblings}
            )

    def tree(self, _: bytes, kind: str, name: str, revision: str) -> None:
        if (found := self._found(kind, name, revision)) is not None:
            files = found[2].items()
            self._send(
                200, [{"type": "file", "path": p, "size": len(c), "oid": _oid(c)} for p, c in files]
            )

    def resolve(self, _: bytes, datasets: str | None, name: str, revision: str, path: str) -> None:
        found = self._found("dataset" if datasets else "model", name, revision)
        if found is not None and path in found[2]:
            content = found[2][path]
            if self.hub.endless and self.command == "GET":
                self._never_end(f'"{_oid(content)}"', found[1])
                return
            self._send(200, content, {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": found[1]})
        elif found is not None:
            self._send(404, {}, {"X-Error-Code": "EntryNotFound"})

    def _never_end(self, etag: str, commit: str) -> None:
        self.send_response(200)
        for name, text in {"ETag": etag, "X-Repo-Commit": commit}.items():
            self.send_header(name, text)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        # The client closes the connection.
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x" * 1000)
                time.sleep(self.hub.wait)

    def preupload(self, body: bytes, _: str, __: str) -> None:
        modes = {"uploadMode": "regular", "shouldIgnore": False}
        self._send(
            200, {"files": [{"path": each["path"], **modes} for each in json.loads(body)["files"]]}
        )

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if (found := self._found("model", name, revision)) is None:
            return
        repository, sha, before = found
        first, *rest = (json.loads(line) for line in body.splitlines())
        if first["value"].get("parentCommit") not in (None, sha):
            self._send(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        files = dict(before)
        for line in rest:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            else:
                del files[line["value"]["path"]]
        new = repository.commit(files)
        self._send(200, {"commitOid": new, "commitUrl": f"{self.hub.url}/{name}/commit/{new}"})


def _oid(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


_ROUTES = {
    r"POST /api/repos/create": _Handler.create,
    r"POST /api/validate-yaml": _Handler.validate,
    rf"GET /api/(model|dataset)s/{_NAME}/revision/(.+)": _Handler.info,
    rf"GET /api/(model|dataset)s/{_NAME}/tree/(.+)": _Handler.tree,
    rf"GET /api/(model|dataset)s/{_NAME}": _Handler.info,
    rf"(?:GET|HEAD) /(datasets/)?{_NAME}/resolve/{_REVISION}/(.+)": _Handler.resolve,
    rf"POST /api/models/{_NAME}/preupload/([^/]+)": _Handler.preupload,
    rf"POST /api/models/{_NAME}/commit/([^/]+)": _Handler.commit,
}
