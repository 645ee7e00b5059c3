"""What is said of a question by HTTP that failed."""

from __future__ import annotations

import errno
import ssl

import httpx2
import pytest

from postroad.net.http_failure import http_failure

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
UNKNOWN_NAME = OSError(-2, "Name or service not known")
MISTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")


def wrapped(error: Exception, cause: Exception | None) -> Exception:
    """As the library has it: the cause is below an error that says less."""
    between = OSError("All connection attempts failed")
    between.__cause__ = cause
    error.__cause__ = between
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(httpx2.ConnectError("All attempts failed"), REFUSED), "Connection refused"),
        (wrapped(httpx2.ConnectError("[Errno -2] Name"), UNKNOWN_NAME), "[Errno -2] Name"),
        (wrapped(httpx2.ConnectError("certificate"), MISTRUSTED), "certificate"),
        (wrapped(httpx2.ConnectError("none"), None), "none"),
        (httpx2.ConnectTimeout(""), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (
            wrapped(httpx2.ReadError(""), RESET),
            "the connection broke: Connection reset by peer",
        ),
        (httpx2.WriteError(""), "the connection broke"),
        (
            httpx2.RemoteProtocolError("illegal status line: bytearray(b'220 hello')"),
            "no whole HTTP answer: illegal status line: bytearray(b'220 hello')",
        ),
        (FileNotFoundError(errno.ENOENT, "x", "/run/x"), "No such file or directory"),
        (httpx2.InvalidURL("no\n  port"), "no port"),
    ],
)
def test_words(error: Exception, words: str) -> None:
    assert http_failure(error) == words


def test_errors_that_wrap_each_other_without_end() -> None:
    first, second = httpx2.ReadError(""), OSError("all")
    first.__cause__, second.__cause__ = second, first
    assert http_failure(first) == "the connection broke"
