from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oldphoto_core.errors import FixityError, OldPhotoError
from oldphoto_core.fixity import parse_manifest, sha256_bytes, sha256_of, sha256_stream, verify

A, B = "a" * 64, "0b" * 32


@given(data=st.binary(max_size=500), chunk=st.integers(1, 64))
def test_a_stream_has_the_digest_of_its_bytes_whatever_the_chunk(data: bytes, chunk: int) -> None:
    assert sha256_stream(io.BytesIO(data), chunk) == (hashlib.sha256(data).hexdigest(), len(data))
    assert sha256_bytes(data) == hashlib.sha256(data).hexdigest()


def test_a_file_is_read_from_its_beginning_and_left_there() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    assert sha256_of(file) == sha256_of(b"0123456789") == (sha256_bytes(b"0123456789"), 10)
    assert file.tell() == 0


def test_both_forms_of_sha256sum_and_comments_are_read() -> None:
    text = f"\ufeff# made in 2019\r\n{A}  box 1/scan  two.tif\r\n\r\n{B.upper()} *box 1/b.tif\r\n{A}\tc.tif\n"
    assert parse_manifest(text) == {"box 1/scan  two.tif": A, "box 1/b.tif": B, "c.tif": A}


def test_names_that_sha256sum_escapes_are_read() -> None:
    text = f"\\{A}  a\\\\b\\\\n.png\n\\{B} *two\\nlines\\r.png\n{A}  plain\\n.png\n"
    assert parse_manifest(text) == {"a\\b\\n.png": A, "two\nlines\r.png": B, "plain\\n.png": A}


def test_an_empty_manifest_is_empty() -> None:
    assert parse_manifest("") == {}


@pytest.mark.parametrize("line", ["nonsense", f"{A}", f"{A[:-1]}  a.tif", f"{'g' * 64}  a.tif", f"{A}  "])
def test_a_malformed_line_is_named_by_its_number(line: str) -> None:
    with pytest.raises(OldPhotoError, match="line 3"):
        parse_manifest(f"# first\n{A}  a.tif\n{line}\n")


def test_two_digests_for_one_path_are_refused_and_a_repetition_is_not() -> None:
    assert parse_manifest(f"{A}  a.tif\n{A}  a.tif\n") == {"a.tif": A}
    with pytest.raises(OldPhotoError, match="line 2"):
        parse_manifest(f"{A}  a.tif\n{B}  a.tif\n")


@given(st.dictionaries(st.from_regex(r"[a-z0-9/ ._-]{1,20}[a-z]", fullmatch=True).map(str.strip), st.just(A)))
def test_what_is_written_like_sha256sum_is_read_back(digests: dict[str, str]) -> None:
    assert parse_manifest("".join(f"{digest}  {path}\n" for path, digest in digests.items())) == digests


def test_verify_compares_without_regard_to_case_and_names_both_digests() -> None:
    verify("a.tif", "sha256", A, A.upper())
    with pytest.raises(FixityError) as caught:
        verify("a.tif", "sha256", A, B)
    assert (caught.value.path, caught.value.expected, caught.value.found) == ("a.tif", A, B)
