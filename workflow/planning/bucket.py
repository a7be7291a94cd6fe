"""Results on S3: whether their bucket is there, asked before anything is planned.

Snakemake's plugin takes any error of this question for a bucket that does not exist: it would
compute everything again and try to make a bucket when it stores the first file.
"""

from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

# Enough for a slow network, and few enough not to look like a hang.
PATIENCE = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})
WHERE = "default-storage-prefix, storage-s3-endpoint-url: profiles/s3/config.yaml or the command"
CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials."
)
ADVICE = {
    "NoSuchBucket": f"Make the bucket, or name another ({WHERE}).",
    "InvalidBucketName": f"Name another bucket ({WHERE}).",
    "PermanentRedirect": "The bucket is in another region: set storage-s3-region.",
    "AccessDenied": "These credentials may not list the bucket: use others, or another bucket.",
    "InvalidAccessKeyId": CREDENTIALS,
    "InvalidToken": CREDENTIALS,
    "ExpiredToken": CREDENTIALS,
    "SignatureDoesNotMatch": CREDENTIALS,
}


class BucketError(Exception):
    """The results cannot be read from their bucket; the message says why and what to do."""


def check(prefix: str, settings) -> None:
    """List one object under `prefix`, as s3://BUCKET/FOLDER.

    `settings` are those of Snakemake's plugin. Raises `BucketError` if that is not possible.
    """
    parsed = urlparse(prefix or "")
    if parsed.scheme != "s3" or not parsed.netloc:
        raise BucketError(f"{prefix!r} names no bucket; expected s3://BUCKET or s3://BUCKET/FOLDER")
    at = settings.endpoint_url or f"AWS, region {settings.region}"
    try:
        _client(settings).list_objects_v2(
            Bucket=parsed.netloc, Prefix=parsed.path.lstrip("/"), MaxKeys=1
        )
    except ClientError as error:
        found = error.response["Error"]
        reason = f"{found.get('Message', '').rstrip('.')} ({found['Code']})"
        advice = ADVICE.get(
            found["Code"], f"Check the bucket, its place and the credentials ({WHERE})."
        )
    except (NoCredentialsError, PartialCredentialsError) as error:
        reason, advice = str(error), CREDENTIALS
    except (HTTPClientError, EndpointConnectionError) as error:
        reason, advice = str(error), f"Check the address and the network ({WHERE})."
    except BotoCoreError as error:
        reason, advice = str(error), f"Check {WHERE}."
    else:
        return
    raise BucketError(f"Bucket {parsed.netloc!r} at {at}: {reason.rstrip('.')}. {advice}")


def _client(settings):
    """As the plugin makes its own, but for the patience."""
    return boto3.Session().client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.token,
        config=PATIENCE.merge(Config(signature_version=settings.signature_version)),
    )
