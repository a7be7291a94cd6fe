"""What tests share: an S3 server, and projects in which real Snakemake runs."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from smoke import Project, copy_sources

# Programs find the library of this checkout, whatever else is installed.
SCRIPTS = str(Path(__file__).parents[1] / "workflow/scripts")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SCRIPTS, os.environ.get("PYTHONPATH")]))

# A busy machine is no fault of what is tested.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

BUCKET = "fimbulwinter"
# A key that the server knows is made when it first checks keys; until then any pair is good.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "pair"}


@dataclass(frozen=True)
class S3Server:
    """An S3 server with one bucket."""

    url: str
    client: object  # boto3's, of this server
    bucket: str = BUCKET

    def names(self) -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}

    def content(self, name: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def know_no_key(self) -> None:
        """From now on the server refuses every key, for it knows of none."""
        _command(self.url, "reset-auth", b"0")


@pytest.fixture
def s3(monkeypatch) -> Iterator[S3Server]:
    """An S3 server that nobody outside this machine reaches, and credentials in the environment."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    # Without it a client without credentials asks the network for the cloud machine it is on.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    # A line for each of some hundred requests would bury what a failing test has to say.
    monkeypatch.setattr(logging.getLogger("werkzeug"), "level", logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # A session of its own: the default one would keep these credentials for the tested code.
    client = boto3.Session().client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield S3Server(url, client)
    # Its state is the process's own, and outlives it.
    _command(url, "reset-auth", b"inf")
    _command(url, "reset", b"")
    server.stop()


def _command(url: str, what: str, body: bytes) -> None:
    import requests

    requests.post(f"{url}/moto-api/{what}", data=body, timeout=10).raise_for_status()


@pytest.fixture
def fresh(tmp_path) -> Project:
    """The sources alone: nothing has run."""
    return copy_sources(tmp_path / "fresh")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Project:
    project = copy_sources(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def finished(_finished, tmp_path) -> Project:
    """A project in which the default target has been made; a test may change it as it likes."""
    shutil.copytree(_finished.root, tmp_path / "finished")
    return Project(tmp_path / "finished")
