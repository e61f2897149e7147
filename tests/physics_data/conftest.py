"""What tests of several folders share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """A local S3 server (moto) with an empty bucket; skipped where it is not installed."""
    server = pytest.importorskip("moto.server", reason="moto with flask is not installed").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0
    )
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_REGION", "us-east-1")
        import boto3

        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1").create_bucket(
            Bucket="bucket"
        )
        yield "s3://bucket"
    server.stop()
