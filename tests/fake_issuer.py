"""An issuer of bearer tokens on loopback, its keys, and tokens good and bad."""

from __future__ import annotations

import asyncio
import base64
import json
import warnings
from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from postroad.directory.oauth.oauth import token_checker
from postroad.directory.oauth.settings import ALGORITHMS, OAuthSettings

JOHN = "john@example.org"
ISSUER = "https://login.example.org"
NOW = 1_800_000_000.0

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
WIDE_EC = ECKey.generate_key("P-384", {"kid": "wide"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
BOUND = RSAKey.generate_key(2048, {"kid": "bound", "alg": "PS256"})
SEALING = RSAKey.generate_key(2048, {"kid": "sealing", "use": "enc"})
with warnings.catch_warnings():
    warnings.simplefilter("ignore", SecurityWarning)
    SHORT = RSAKey.generate_key(1024, {"kid": "short"})
KEYS = (RSA, EC, WIDE_EC, ED, BOUND, SEALING, SHORT)
CLAIMS = {
    "iss": ISSUER,
    "aud": ["postroad", "other"],
    "exp": NOW + 300,
    "nbf": NOW - 10,
    "email": "John@example.org",
    "email_verified": True,
    "scope": "openid mail.send",
}


class Issuer:
    """An HTTP server with one answer, which counts what it is asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self.answer: Callable[[], bytes] = lambda: reply({"keys": public(*KEYS)})
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (x.split(": ", 1) for x in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append((first, headers, body.decode()))
            writer.write(self.answer())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def reply(value: object, status: str = "200 OK", **headers: str) -> bytes:
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(octets)}", "Connection: close"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + octets


def port_of(server: asyncio.Server) -> int:
    return server.sockets[0].getsockname()[1]


def public(*keys: RSAKey | ECKey | OKPKey) -> list[dict[str, object]]:
    return [key.as_dict(private=False) for key in keys]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def checker_of(issuer, clock, accounts, /, **changes):
    values = {"issuer": ISSUER, "audience": "postroad", "key_set": issuer.url, "timeout": 30.0}
    return token_checker(OAuthSettings(**(values | changes)), accounts, clock, lambda: NOW)


def token(key=RSA, algorithm="RS256", header=None, **claims):
    values = {name: value for name, value in (CLAIMS | claims).items() if value is not ...}
    head = {"alg": algorithm, "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not ...}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of what is old or short
        return jwt.encode(head, values, key, algorithms=[*ALGORITHMS, "HS256"])


def encoded(value):
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def forged(header, claims=CLAIMS, sign=lambda signed: b""):
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(sign(signed.encode()))}"
