"""A server on this machine that speaks what the Hub's own clients ask for, and can misbehave.

`Hub` serves repositories from memory: what is known of a revision, trees of files, files by ranges
with ETag and X-Repo-Commit. Parquet lies elsewhere, as on the Hub: whoever asks for it is sent to
another host (the same server by another name). Who sets HF_ENDPOINT to its `url` reaches nothing
else.
"""

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

TOKEN = "hf_atokenofnobody"
# Of the two real data sets; the first is published as one config, the other per language.
TEXTS = ("text", "id", "dump", "url", "date", "file_path", "language")
NUMBERS = {"language_score": pa.float64(), "token_count": pa.int64()}
SCHEMA = pa.schema([*((name, pa.string()) for name in TEXTS), *NUMBERS.items()])


def commit_of(name: str) -> str:
    """A commit hash that belongs to this name."""
    return hashlib.sha1(name.encode()).hexdigest()


def parquet(texts: list[str | None], first: int = 0, row_group: int = 10, **columns) -> bytes:
    """A parquet file with the real columns; `columns` replaces some, a None leaves one out."""
    n = len(texts)
    table = {
        "text": texts,
        "id": [f"<urn:uuid:{first + i:08d}>" for i in range(n)],
        "dump": ["CC-MAIN-2024-10"] * n,
        "url": [f"http://example.org/{first + i}" for i in range(n)],
        "date": ["2024-02-21T00:00:00Z"] * n,
        "file_path": ["s3://commoncrawl/x.warc.gz"] * n,
        "language": ["en"] * n,
        "language_score": [0.9] * n,
        "token_count": [7] * n,
    } | columns
    fields = [of if of.name not in columns else None for of in SCHEMA]
    arrays, names = [], []
    for of, (name, values) in zip(fields, table.items(), strict=True):
        if values is not None:
            arrays.append(pa.array(values, of.type if of is not None else None))
            names.append(name)
    written = io.BytesIO()
    pq.write_table(pa.table(arrays, names), written, row_group_size=row_group)
    return written.getvalue()


def card(configs: dict[str, str]) -> bytes:
    """A README that says which files each config's split `train` has, as FineWeb's does."""
    lines = ["---", "configs:"]
    for name, pattern in configs.items():
        lines += [f"- config_name: {name}", "  data_files:", "  - split: train"]
        lines += [f"    path: {pattern}"]
    return "\n".join([*lines, "---", "# A data set", ""]).encode()


@dataclass
class Repository:
    """A repository of one commit. `gated`: its files, but for the README, are for TOKEN alone."""

    kind: str  # "datasets" or "models"
    name: str
    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main", "v1.0.0")
    gated: bool = False
    commit: str = ""  # one that belongs to the name, unless it is given

    def __post_init__(self):
        self.commit = self.commit or commit_of(self.name)


@dataclass
class Request:
    """What came: by these, tests know what was asked for."""

    method: str
    path: str
    sent: int = 0
    token: str | None = None
    range: str | None = None


# What a fault may do with a request: None to let it be answered, a status with headers, or a number
# of bytes after which the connection breaks off.
Fault = Callable[[Request], "tuple[int, dict] | int | None"]


@dataclass
class Hub:
    """Repositories behind a server of this process."""

    repositories: list[Repository] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    fault: Fault = lambda request: None
    url: str = ""

    def repository(self, kind: str, name: str) -> Repository | None:
        found = (r for r in self.repositories if (r.kind, r.name) == (kind, name))
        return next(found, None)

    def bytes_of(self, part: str) -> int:
        """How many bytes of files with this in their name were sent."""
        return sum(r.sent for r in self.requests if part in r.path and r.method == "GET")

    def forget(self) -> None:
        self.requests.clear()
        self.fault = lambda request: None


@contextmanager
def served(*repositories: Repository) -> Iterator[Hub]:
    """A hub on a free port of 127.0.0.1, until the block ends."""
    hub = Hub([*repositories])
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(hub: Hub | None, home: Path) -> dict[str, str]:
    """What a program is given to reach this hub and to keep its cache here; no token."""
    return {
        "HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "no_proxy": "127.0.0.1,localhost",
    }


REVISION = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+)(?:/revision/([^/]+))?")
TREE = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+)/tree/([^/]+)(?:/(.*))?")
PATHS = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+)/paths-info/([^/]+)")
FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
ELSEWHERE = re.compile(r"/elsewhere/(datasets|models)/([^/]+/[^/]+)/(.+)")


def is_sent_elsewhere(path: str) -> bool:
    """Whether a file is large, as the Hub sees it."""
    return "/resolve/" in path and path.endswith(".parquet")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        address = urlsplit(self.path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        asked = Request(self.command, address.path, token=token, range=self.headers.get("Range"))
        if is_sent_elsewhere(address.path):
            asked.range = None  # it is asked for again there
        self.hub.requests.append(asked)
        fault = self.hub.fault(asked)
        if isinstance(fault, tuple):
            return self._send(asked, fault[0], b'{"error": "as asked"}', fault[1])
        if found := ELSEWHERE.fullmatch(address.path):
            kind, name, path = map(unquote, found.groups())
            content = self.hub.repository(kind, name).files[path]
            return self._send_range(asked, content, {}, fault)
        paths = (
            (TREE, self._tree),
            (PATHS, self._paths),
            (REVISION, self._revision),
            (FILE, self._file),
        )
        for pattern, answer in paths:
            if found := pattern.fullmatch(address.path):
                groups = [group and unquote(group) for group in found.groups()]
                repository = self._readable(asked, groups)
                if repository is not None:
                    answer(asked, repository, groups, parse_qs(address.query), body, fault)
                return None
        return self._send(asked, 404, b"{}", {})

    def _readable(self, asked, groups) -> Repository | None:
        repository = self.hub.repository(groups[0] or "models", groups[1])
        error = None
        if repository is None:
            error = 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "not found"}
        elif repository.gated and len(groups) == 4 and self._is_closed(asked, groups):
            status = 401 if asked.token is None else 403
            error = status, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"}
        elif groups[2] and groups[2] not in (repository.commit, *repository.revisions):
            error = 404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "no revision"}
        if error:
            self._send(asked, error[0], b"{}", error[1])
            return None
        return repository

    def _is_closed(self, asked, groups) -> bool:
        """What is said of a repository may be read by everybody, as on the Hub."""
        is_file = "/resolve/" in asked.path and groups[3] != "README.md"
        return is_file and asked.token != TOKEN

    def _revision(self, asked, repository, groups, query, body, fault):
        siblings = [{"rfilename": name} for name in repository.files]
        known = {"id": repository.name, "sha": repository.commit, "siblings": siblings}
        known |= {"private": False, "gated": repository.gated, "tags": [], "downloads": 0}
        self._send(asked, 200, json.dumps(known).encode(), {})

    def _tree(self, asked, repository, groups, query, body, fault):
        folder, names = groups[3] or "", [*repository.files]
        inside = [n for n in names if not folder or n.startswith(f"{folder}/")]
        if folder and not inside:
            self._send(asked, 404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        deep = query.get("recursive", ["False"])[0].lower() == "true"
        below = [n[len(folder) :].lstrip("/") for n in inside]
        paths = sorted(
            {"/".join(b.split("/")[: i + 1]) for b in below for i in range(b.count("/") + 1)}
        )
        if not deep:
            paths = [path for path in paths if "/" not in path]
        full = [f"{folder}/{path}".lstrip("/") for path in paths]
        self._send(asked, 200, json.dumps([_entry(repository, path) for path in full]).encode(), {})

    def _paths(self, asked, repository, groups, query, body, fault):
        if self.headers.get("Content-Type", "").startswith("application/json"):
            paths = json.loads(body)["paths"]
        else:
            paths = parse_qs(body.decode())["paths"]
        known = [p for p in paths if any(n == p or n.startswith(f"{p}/") for n in repository.files)]
        found = json.dumps([_entry(repository, path) for path in known]).encode()
        self._send(asked, 200, found, {})

    def _file(self, asked, repository, groups, query, body, fault):
        content = repository.files.get(groups[3])
        if content is None:
            message = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.commit}
            self._send(asked, 404, b"", message)
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": repository.commit,
            "Accept-Ranges": "bytes",
        }
        if is_sent_elsewhere(asked.path):
            other = self.hub.url.replace("127.0.0.1", "localhost")
            place = f"{other}/elsewhere/{repository.kind}/{repository.name}/{quote(groups[3])}"
            headers |= {"Location": f"{place}?signature=1", "X-Linked-Size": str(len(content))}
            self._send(asked, 302, b"", headers | {"X-Linked-Etag": headers["ETag"]})
            return
        self._send_range(asked, content, headers, fault)

    def _send_range(self, asked, content, headers, fault):
        status, size = 200, len(content)
        if asked.range:
            first, last = asked.range.removeprefix("bytes=").split("-")
            start, end = int(first), min(int(last or size - 1), size - 1)
            content = content[start : end + 1]
            headers = headers | {"Content-Range": f"bytes {start}-{end}/{size}"}
            status = 206
        self._send(asked, status, content, headers, fault)

    def _send(self, asked, status, content, headers, breaks_after=None):
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if breaks_after is not None and breaks_after < len(content):
            content, self.close_connection = content[:breaks_after], True
        asked.sent += len(content)
        self.wfile.write(content)


def _entry(repository: Repository, path: str) -> dict:
    content = repository.files.get(path)
    if content is None:
        return {"type": "directory", "path": path, "size": 0, "oid": commit_of(path)}
    return {"type": "file", "path": path, "size": len(content), "oid": commit_of(path)}
