"""Reading the files that the catalog names, and putting new mask files beside them.

Only files inside the known roots are opened, whatever a catalog row or a link says, and only while their
bytes have the recorded SHA-256: what a curator sees is what the decision will be bound to. Objects in a
bucket are copied to the cache first; credentials and endpoint come from the usual AWS variables.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from oldphoto_core.errors import AlreadyExistsError, FixityError, StorageError
from oldphoto_core.fixity import sha256_stream
from review.places import absolute_place

_CHUNK = 1 << 20


@dataclass(frozen=True)
class CreatedFile:
    """A file that was written, or that lay there already with the same bytes."""

    uri: str
    sha256: str
    size: int


class Storage:
    """Files inside ``roots``.

    Args:
        roots: folders or ``s3://bucket/prefix`` addresses; nothing outside of them is ever opened.
        cache: folder for copies of objects from buckets.
    """

    def __init__(self, roots: Iterable[str], cache: Path) -> None:
        self.roots = tuple(dict.fromkeys(map(absolute_place, roots)))
        self.cache = cache

    def fetch(self, uri: str, sha256: str) -> Path:
        """Return a local path to a file's bytes, checked against their digest.

        Raises:
            StorageError: the file lies outside the roots, is gone or cannot be read.
            FixityError: the bytes are not the recorded ones.
        """
        if uri.startswith("s3://"):
            return self._download(uri, sha256)
        path = self._inside(uri)
        try:
            with path.open("rb") as stream:
                found = sha256_stream(stream)[0]
        except OSError as error:
            raise StorageError(
                f"{path} cannot be read: {error.strerror}. Check that it is still there."
            ) from error
        if found != sha256:
            raise FixityError(str(path), "SHA-256", sha256, found)
        return path

    def create_beside(self, uri: str, name: str, data: bytes, media_type: str) -> CreatedFile:
        """Write a new file into the folder of ``uri``; an existing file is never replaced.

        Raises:
            AlreadyExistsError: the name is taken by other bytes.
            StorageError: the place cannot be written to.
        """
        if "/" in name or name.startswith("."):
            raise StorageError(f"{name!r} is not a plain file name")
        digest = hashlib.sha256(data).hexdigest()
        if uri.startswith("s3://"):
            target = f"{uri.rpartition('/')[0]}/{name}"
            self._put(target, data, media_type)
        else:
            path = self._inside(uri).parent / name
            target = str(path)
            _place(path, data)
        return CreatedFile(target, digest, len(data))

    def _inside(self, uri: str) -> Path:
        """Return the real path of a local address, which lies inside a root."""
        text = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
        try:
            path = Path(os.path.realpath(text))
        except ValueError:
            raise StorageError(f"{uri!r} is not a path") from None
        if not any(path.is_relative_to(root) for root in self.roots if not root.startswith("s3://")):
            raise StorageError(
                f"{text} lies outside the folders that this desk may read. Start it with --root FOLDER to allow one."
            )
        return path

    def _require_bucket_root(self, uri: str) -> tuple[str, str]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        allowed = any(uri.startswith(f"{root}/") for root in self.roots if root.startswith("s3://"))
        if not allowed or not key or ".." in key.split("/"):
            raise StorageError(
                f"{uri} lies outside the places that this desk may read. Start it with --root s3://bucket/prefix."
            )
        return bucket, key

    def _download(self, uri: str, sha256: str) -> Path:
        # First, although a copy may lie there: another desk over the same cache may have other roots.
        bucket, key = self._require_bucket_root(uri)
        path = self.cache / "objects" / sha256
        with suppress(FileNotFoundError):
            os.utime(path)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        # The dot tells whoever makes room in the cache that this is being written.
        partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        digest = hashlib.sha256()
        try:
            with partial.open("wb") as file:
                body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
                while piece := body.read(_CHUNK):
                    digest.update(piece)
                    file.write(piece)
            if digest.hexdigest() != sha256:
                raise FixityError(uri, "SHA-256", sha256, digest.hexdigest())
            partial.replace(path)
        except self._errors as error:
            raise StorageError(
                f"{uri} cannot be read: {error}. Check the bucket and the credentials."
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return path

    def _put(self, uri: str, data: bytes, media_type: str) -> None:
        bucket, key = self._require_bucket_root(uri)
        digest = hashlib.sha256(data).digest()
        try:
            self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=data,
                ContentType=media_type,
                ChecksumSHA256=base64.b64encode(digest).decode(),
                IfNoneMatch="*",
            )
        except self._errors as error:
            status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status not in (409, 412):
                raise StorageError(f"{uri} cannot be written: {error}. Check the credentials.") from error
            found = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            if found != data:
                raise AlreadyExistsError(f"{uri} is there already with other content; it was left.") from None

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        style = {"addressing_style": "path" if endpoint else "auto"}
        config = Config(retries={"mode": "standard", "max_attempts": 5}, s3=style)
        session = boto3.session.Session()
        region = session.region_name or "us-east-1"
        return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)

    @cached_property
    def _errors(self) -> tuple[type[Exception], ...]:
        from botocore.exceptions import BotoCoreError, ClientError

        return (ClientError, BotoCoreError, OSError, UnicodeError)


def _place(path: Path, data: bytes) -> None:
    """Write beside the name, then link: a reader sees the whole file or none, and no file is replaced."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    except FileExistsError:
        if path.read_bytes() != data:
            raise AlreadyExistsError(f"{path} is there already with other content; it was left.") from None
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Check the folder's permissions."
        ) from error
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
