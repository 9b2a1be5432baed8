"""An S3 prefix as a store, for Amazon's service and for compatible ones (``AWS_ENDPOINT_URL``).

Create-only writes are conditional puts (``If-None-Match: *``), which also make a repeated put harmless: when
the answer to a put that succeeded was lost, the retry meets the very same bytes and is content with them.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from oldphoto_core.errors import AlreadyExistsError, StorageError, UnwritableKeyError
from oldphoto_core.fixity import sha256_of, sha256_stream
from storage.base import Created, LeftOut, StoredObject, check_key, is_hidden, tell
from storage.s3_remedies import answer_of, remedy

_LARGEST_PUT = 5 * 1024**3
_LONGEST_KEY = 1024
_RESUMES = 4
_CHUNK = 1 << 20
_NO_NAMES = ("", ".", "..")
_ODD_PART = (
    "Its key has a part that is empty (two slashes in a row, or one at its beginning) or only dots. Copy it to a key "
    "without."
)


class S3Store:
    """Objects below ``s3://bucket/prefix/``; a key is relative to that. Picklable: each process connects
    anew.

    Credentials, region and endpoint come from the usual AWS variables and files.

    Args:
        bucket: it must exist.
        prefix: may be empty; slashes around it do not matter.
    """

    page_size = 1000
    """Objects per listing request; the service allows no more."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = prefix.strip("/")

    def __getstate__(self) -> dict[str, str]:
        return {"bucket": self.bucket, "prefix": self.prefix}

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``, without a slash at the end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def uri_of(self, key: str) -> str:
        """Return ``s3://bucket/prefix/key``, not percent-encoded."""
        return f"s3://{self.bucket}/{self._full(key)}"

    def list(self, left_out: LeftOut | None = None) -> Iterator[StoredObject]:
        """Yield every visible object in the order of its key, a thousand at a request."""
        below = f"{self.prefix}/" if self.prefix else ""
        try:
            paginator = self._client.get_paginator("list_objects_v2")
            page = {"PageSize": self.page_size}
            pages = paginator.paginate(Bucket=self.bucket, Prefix=below, PaginationConfig=page)
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(below)
                    if not key or key.endswith("/"):
                        continue
                    if not set(_NO_NAMES).isdisjoint(key.split("/")):
                        tell(left_out, key, _ODD_PART)
                    elif not is_hidden(key):
                        etag = entry.get("ETag", "").strip('"') or None
                        yield StoredObject(key, entry["Size"], entry["LastModified"], etag)
        except self._errors as error:
            self._refuse(error, self.uri, "listed")

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading; a broken connection is resumed where it broke."""
        return cast(BinaryIO, io.BufferedReader(_ObjectReader(self, key), _CHUNK))

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes, at most the first ``max_bytes``."""
        pieces: list[bytes] = []
        left = sys.maxsize if max_bytes is None else max_bytes
        with self.open(key) as stream:
            while left > 0 and (piece := stream.read(min(_CHUNK, left))):
                pieces.append(piece)
                left -= len(piece)
        return b"".join(pieces)

    def exists(self, key: str) -> bool:
        """Return whether an object lies under ``key``."""
        try:
            self._client.head_object(Bucket=self.bucket, Key=self._full(key))
        except self._errors as error:
            if _status(error) == 404 or isinstance(error, UnicodeError):
                return False
            self._refuse(error, self.uri_of(key), "looked up")
        return True

    @contextmanager
    def located(self, key: str) -> Iterator[Path]:
        """Give a copy in the folder for temporary files; it has no name there, so that nothing can leave it."""
        with tempfile.TemporaryFile() as file, self.open(key) as stream:
            shutil.copyfileobj(stream, file, _CHUNK)
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")

    def create(
        self, key: str, data: bytes | BinaryIO, media_type: str = "application/octet-stream"
    ) -> Created:
        """Put a new object; see `Store.create`."""
        full, uri = self._full(check_key(key)), self.uri_of(key)
        digest, size = sha256_of(data)
        if size > _LARGEST_PUT:
            problem = f"{uri} would have {size} bytes; one put carries 5 GiB. Write to a folder."
            raise UnwritableKeyError(problem)
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=full,
                Body=data,
                ContentType=media_type or "application/octet-stream",
                ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
                IfNoneMatch="*",
            )
        except self._errors as error:
            if _status(error) not in (409, 412):
                self._refuse(error, uri, "written")
            return self._accept_existing(key, digest, size)
        return Created(uri, digest, size, existed=False)

    def problem_with(self, key: str) -> str | None:
        """Return that ``key`` is longer than the service allows; None if it is not."""
        size = len(self._full(key).encode("utf-8", "replace"))
        if size <= _LONGEST_KEY:
            return None
        return f"a key in the bucket would have {size} bytes, and {_LONGEST_KEY} are allowed"

    def sweep_partials(self) -> int:
        """Return 0: a put is whole or absent, so nothing unfinished is left behind."""
        return 0

    def get_from(self, key: str, position: int, etag: str | None = None) -> Any:
        """Return the response to a get of ``key`` from byte ``position`` on; with ``etag``, of that object only."""
        asked = {"Range": f"bytes={position}-"} if position else {}
        if etag:
            asked["IfMatch"] = etag
        try:
            return self._client.get_object(Bucket=self.bucket, Key=self._full(key), **asked)
        except self._errors as error:
            self._refuse(error, self.uri_of(key), "read")

    def _accept_existing(self, key: str, digest: str, size: int) -> Created:
        with self.open(key) as stream:
            found, _ = sha256_stream(stream)
        if found != digest:
            raise AlreadyExistsError(
                f"{self.uri_of(key)} is there already with other content. It was left as it is."
            )
        return Created(self.uri_of(key), digest, size, existed=True)

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        config = Config(
            retries={"mode": "standard", "max_attempts": 5},
            connect_timeout=10,
            read_timeout=60,
            # Compatible servers rarely have a name per bucket.
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        # A session of our own: the module's default one must not be shared between threads.
        session = boto3.session.Session()
        region = session.region_name or "us-east-1"
        try:
            return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        except ValueError as error:
            if isinstance(error, self._errors):
                raise
            problem = f"{self.uri} cannot be reached: {error}. Write AWS_ENDPOINT_URL as https://host:port."
            raise StorageError(problem) from error

    @cached_property
    def _errors(self) -> tuple[type[Exception], ...]:
        from botocore.exceptions import BotoCoreError, ClientError

        # A key that is not valid Unicode is refused by neither, but by the encoder.
        return (ClientError, BotoCoreError, UnicodeError)

    def _refuse(self, error: Exception, uri: str, verb: str) -> NoReturn:
        told = remedy(error, self.bucket, lambda: str(self._client.meta.endpoint_url))
        raise StorageError(f"{uri} cannot be {verb}: {str(error).rstrip('.')}. {told}") from error


class _ObjectReader(io.RawIOBase):
    """The bytes of one object in order. Retries of boto3 end where the body begins; these begin there."""

    def __init__(self, store: S3Store, key: str) -> None:
        super().__init__()
        self._store, self._key = store, key
        self._position = 0
        response = store.get_from(key, 0)
        self._body, self._size = response["Body"], int(response["ContentLength"])
        self._etag: str | None = response.get("ETag")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from botocore.exceptions import BotoCoreError, FlexibleChecksumError, HTTPClientError
        from urllib3.exceptions import HTTPError

        for attempt in range(_RESUMES):
            try:
                data = self._body.read(len(buffer))
                if data or self._position >= self._size:
                    buffer[: len(data)] = data
                    self._position += len(data)
                    return len(data)
                problem: Exception | None = None
            except FlexibleChecksumError as error:
                # Known at the end only, when all of it has been handed on: nothing is left to ask for.
                raise StorageError(
                    f"{self._store.uri_of(self._key)} arrived with other bytes than the service says it has: "
                    f"{error}. Check the connection, and the object, and run again."
                ) from error
            except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
                problem = error
            if attempt + 1 < _RESUMES:
                self._resume()
        raise StorageError(
            f"{self._store.uri_of(self._key)} broke off at byte {self._position} of {self._size} again "
            "and again. Check the connection to the service and run again."
        ) from problem

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()

    def _resume(self) -> None:
        self._body.close()
        # Of the same object: the rest of one that was put in its place meanwhile would make a file that never was.
        self._body = self._store.get_from(self._key, self._position, self._etag)["Body"]


def _status(error: Exception) -> int:
    found = answer_of(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(found or 0)
