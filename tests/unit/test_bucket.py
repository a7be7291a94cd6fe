"""What is wrong with a bucket is said before anything is planned, and soon."""

import socket
from types import SimpleNamespace

import pytest

from planning import bucket

pytestmark = [pytest.mark.storage, pytest.mark.timeout(60)]


def settings(url, **others):
    """The settings of Snakemake's plugin, as it fills them in."""
    nothing = dict.fromkeys(("access_key", "secret_key", "token", "signature_version"))
    return SimpleNamespace(endpoint_url=url, region="us-east-1", **nothing | others)


def complaint(prefix, *arguments, **others):
    with pytest.raises(bucket.BucketError) as error:
        bucket.check(prefix, settings(*arguments, **others))
    return str(error.value)


def test_bucket_that_is_there_passes_with_and_without_a_folder(s3):
    bucket.check(f"s3://{s3.bucket}", settings(s3.url))
    bucket.check(f"s3://{s3.bucket}/a/folder", settings(s3.url))


def test_bucket_that_is_not_there(s3):
    message = complaint("s3://elsewhere/folder", s3.url)
    assert f"Bucket 'elsewhere' at {s3.url}: " in message
    assert "does not exist (NoSuchBucket). Make the bucket, or name another" in message
    assert "profiles/s3/config.yaml" in message


@pytest.mark.parametrize("prefix", [None, "results", "s3://", "https://fimbulwinter"])
def test_prefix_without_a_bucket(prefix):
    message = complaint(prefix, "http://127.0.0.1:9")
    assert message == f"{prefix!r} names no bucket; expected s3://BUCKET or s3://BUCKET/FOLDER"


def test_key_that_the_server_does_not_know(s3):
    s3.know_no_key()
    message = complaint(f"s3://{s3.bucket}", s3.url)
    assert "(InvalidAccessKeyId). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message


def test_key_of_the_plugins_own_settings_is_the_one_that_is_used(s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    bucket.check(f"s3://{s3.bucket}", settings(s3.url, access_key="one", secret_key="of its own"))


def test_no_credentials(s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    message = complaint(f"s3://{s3.bucket}", s3.url)
    assert "Unable to locate credentials. Set AWS_ACCESS_KEY_ID" in message


def test_address_at_which_nobody_answers(s3):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        message = complaint(f"s3://{s3.bucket}", f"http://127.0.0.1:{port}")
    assert "Could not connect to the endpoint URL" in message
    assert "Check the address and the network" in message
