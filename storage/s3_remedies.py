"""What a person can do about what an S3 service, or boto3 before it asks one, refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_CREDENTIALS = (
    "AccessDenied",
    "403",
    # What a request without a body is told of an expired token.
    "400",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
)
_REGION = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_SOME_TIMES = "It was tried several times: check the service and run again."


def answer_of(error: Exception) -> Mapping[str, Any]:
    """Return what the service answered; nothing where it did not: a connection that broke has a response of None."""
    return getattr(error, "response", None) or {}


def remedy(error: Exception, bucket: str, endpoint: Callable[[], str]) -> str:
    """Return what to do about ``error``; ``endpoint`` tells where the service is, if it is needed."""
    from botocore import exceptions

    code = str(answer_of(error).get("Error", {}).get("Code", ""))
    if code:
        return _remedy_of(code, bucket)
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or configure a profile."
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return f"Check that {endpoint()} can be reached from here (AWS_ENDPOINT_URL)."
    if isinstance(error, _settings_errors()):
        return "Correct the address or the AWS settings; the service has not been asked."
    return _SOME_TIMES


def _remedy_of(code: str, bucket: str) -> str:
    if code == "NoSuchBucket":
        return f"Make the bucket {bucket} first, or correct its name."
    if code in _CREDENTIALS:
        return (
            "Check the credentials (AWS_ACCESS_KEY_ID …), and that they allow s3:ListBucket, s3:GetObject and, "
            "for results, s3:PutObject."
        )
    if code in ("NoSuchKey", "404"):
        return "It was moved or deleted after it had been listed: put it back, or run again."
    if code in ("PreconditionFailed", "412"):
        return "It was replaced while it was read: run again."
    if code == "InvalidObjectState":
        return "It lies in an archive (Glacier): have the service restore it, then run again."
    if code in _REGION:
        return "Set AWS_DEFAULT_REGION to the region of the bucket."
    if code == "RequestTimeTooSkewed":
        return "Set the clock of this machine."
    return _SOME_TIMES


def _settings_errors() -> tuple[type[Exception], ...]:
    from botocore import exceptions

    return (
        exceptions.ParamValidationError,
        exceptions.InvalidRegionError,
        exceptions.EndpointProviderError,
        exceptions.ProfileNotFound,
        exceptions.ConfigNotFound,
        exceptions.ConfigParseError,
    )
