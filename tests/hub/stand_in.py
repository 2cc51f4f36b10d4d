"""A stand-in of the Hub's HTTP API on this machine: what huggingface_hub asks for when foretell uses it.

It has repositories with commits, public and private, and files of Git and of LFS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_secretsecretsecretsecretsecretsecret"
LFS_ENDINGS = (".safetensors", ".onnx")


@dataclass
class Repository:
    """A repository: its commits from old to new, each with all of its files."""

    private: bool
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
        hostile: gets the command and path of a request and the open connection, and answers itself; False: it
            leaves the answer to the hub.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failure: tuple[int, str] | None = None
    hostile: Callable[[str, BinaryIO], bool] | None = None


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
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.hostile is not None and self.hub.hostile(f"{self.command} {path}", self.wfile):
            self.close_connection = True
            return
        if self.hub.failure is not None:
            status, message = self.hub.failure
            self._send(status, {"error": message}, {"X-Error-Message": message})
            return
        for pattern, handle in _ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                handle(self, body, *match.groups())
                return
        self._send(404, {"error": "no route"})

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

    def _found(self, name: str, revision: str = "main") -> tuple[Repository, str, dict[str, bytes]] | None:
        """Return a repository, the commit of a revision and its files; answer itself where there is none."""
        repository = self.hub.repositories.get(name)
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
        if not self._may_write:
            self._send(401, {"error": "Invalid username or password."})
            return
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] != "ada":
            self._send(403, {"error": f"You may not create in {asked['organization']}"})
            return
        repository = Repository(private=asked.get("visibility") == "private" or asked.get("private") is True)
        repository.commit({".gitattributes": b"*.onnx filter=lfs\n"})
        self.hub.repositories[name] = repository
        self._send(200, {"url": f"{self.hub.url}/{name}"})

    def validate(self, body: bytes) -> None:
        header = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        errors = [{"message": f"{key} is missing"} for key in ("library_name", "tags") if key not in header]
        self._send(400 if errors else 200, {"errors": errors, "warnings": []})

    def info(self, _: bytes, name: str, revision: str = "main") -> None:
        if (found := self._found(name, revision)) is None:
            return
        repository, sha, files = found
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        siblings = [
            {"rfilename": path, **({"size": len(content)} if blobs else {})}
            for path, content in files.items()
        ]
        self._send(200, {"id": name, "sha": sha, "private": repository.private, "siblings": siblings})

    def dataset_info(self, body: bytes, name: str, revision: str = "main") -> None:
        self.info(body, f"datasets/{name}", revision)

    def tree(self, _: bytes, name: str, revision: str) -> None:
        if (found := self._found(name, revision)) is not None:
            self._send(200, [_entry(path, content) for path, content in found[2].items()])

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        if (found := self._found(name, revision)) is None:
            return
        _, sha, files = found
        if path not in files:
            self._send(404, {}, {"X-Error-Code": "EntryNotFound"})
            return
        etag = _oid(path, files[path])
        self._send(200, files[path], {"ETag": f'"{etag}"', "X-Repo-Commit": sha})

    def resolve_dataset(self, body: bytes, name: str, revision: str, path: str) -> None:
        self.resolve(body, f"datasets/{name}", revision, path)

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        if self._found(name, revision) is None:
            return
        files = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(LFS_ENDINGS) else "regular",
                "shouldIgnore": False,
            }
            for each in json.loads(body)["files"]
        ]
        self._send(200, {"files": files})

    def batch(self, body: bytes, _: str) -> None:
        objects = []
        for each in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}
            known = each["oid"] in self.hub.objects
            objects.append({**each, **({} if known else {"actions": upload})})
        self._send(200, {"transfer": "basic", "objects": objects}, {"Content-Type": "application/json"})

    def put(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.objects[oid] = body
        self._send(200, {})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if (found := self._found(name, revision)) is None:
            return
        repository, sha, before = found
        lines = [json.loads(line) for line in body.splitlines()]
        if lines[0]["value"].get("parentCommit") not in (None, sha):
            self._send(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        files = dict(before)
        for line in lines[1:]:
            kind, value = line["key"], line["value"]
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif kind == "deletedFile":
                del files[value["path"]]
        new = repository.commit(files)
        self._send(
            200, {"success": True, "commitOid": new, "commitUrl": f"{self.hub.url}/{name}/commit/{new}"}
        )


def _oid(path: str, content: bytes) -> str:
    if path.endswith(LFS_ENDINGS):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        "path": path,
        "size": len(content),
        "oid": _oid(path, content)[:40],
    }
    if path.endswith(LFS_ENDINGS):
        entry["lfs"] = {"oid": _oid(path, content), "size": len(content), "pointerSize": 134}
    return entry


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES = (
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"GET /api/models/{_NAME}/revision/(.+)", _Handler.info),
    (rf"GET /api/models/{_NAME}/tree/([^/]+)", _Handler.tree),
    (rf"GET /api/models/{_NAME}", _Handler.info),
    (rf"GET /api/datasets/{_NAME}/revision/(.+)", _Handler.dataset_info),
    (rf"GET /api/datasets/{_NAME}", _Handler.dataset_info),
    (rf"(?:GET|HEAD) /datasets/{_NAME}/resolve/(refs/convert/parquet|[^/]+)/(.+)", _Handler.resolve_dataset),
    (rf"POST /api/models/{_NAME}/preupload/([^/]+)", _Handler.preupload),
    (rf"POST /api/models/{_NAME}/commit/([^/]+)", _Handler.commit),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /lfs/(\w+)", _Handler.put),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
)
