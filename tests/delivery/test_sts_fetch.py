"""Fetching MTA-STS policies from a real web server (RFC 8461 §3.3)."""

from __future__ import annotations

import socket
import ssl

import pytest

from chains import Issued, issue, root
from policy_web_server import PATH, WebServer, served, server_tls
from postroad.delivery.sts import FetchFailed
from postroad.delivery.sts_fetch import PolicyFetch
from postroad.delivery.sts_policy import MAX_TEXT
from postroad.delivery.tls_policy import TlsResult
from postroad.net.dns import DnsTemporary

POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 604800\n"
HOST = "mta-sts.example.net"
ROOT = root()
GOOD = issue(ROOT, HOST)


class Names:
    """Where web servers are."""

    def __init__(self, *addresses: str) -> None:
        self.addresses_of = {HOST: addresses}

    async def addresses(self, host: str) -> tuple[str, ...]:
        if host not in self.addresses_of:
            raise DnsTemporary(host, "A")
        return self.addresses_of[host]


def trusting(authority: Issued = ROOT) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


@pytest.fixture
async def web():
    servers: list[WebServer] = []

    async def start(leaf: Issued = GOOD, answer: bytes = b"") -> WebServer:
        servers.append(await WebServer(server_tls(leaf), answer or served(POLICY)).start())
        return servers[-1]

    yield start
    for server in servers:
        await server.stop()


def fetch_from(server: WebServer, *addresses: str, timeout: float = 20.0) -> PolicyFetch:
    names = Names(*(addresses or ("127.0.0.1",)))
    return PolicyFetch(names, trusting(), timeout, server.port)


async def test_a_policy(web):
    server = await web()
    policy = await fetch_from(server).fetch("example.net")
    assert policy.mode == "enforce"
    assert "\n".join(policy.lines) + "\n" == POLICY
    assert server.asked == [f"{PATH} {HOST}"]


async def test_the_next_address_where_one_is_dead(web):
    server = await web()
    policy = await fetch_from(server, "127.0.0.9", "127.0.0.1").fetch("example.net")
    assert policy.mode == "enforce"


FETCH, INVALID, WEBPKI = (
    TlsResult.STS_POLICY_FETCH_ERROR,
    TlsResult.STS_POLICY_INVALID,
    TlsResult.STS_WEBPKI_INVALID,
)


@pytest.mark.parametrize(
    ("answer", "result", "words"),
    [
        (served(POLICY, "404 Not Found"), FETCH, "404"),
        (served(POLICY, "500 Oops"), FETCH, "500"),
        (served("", "301 Moved", Location=f"https://{HOST}/elsewhere"), FETCH, "301"),
        (served("", "302 Found", Location="http://127.0.0.1/"), FETCH, "302"),
        (served(POLICY, kind="text/html"), FETCH, "text/html"),
        (served(POLICY, kind=""), FETCH, "no content type"),
        (served("<html>"), INVALID, "malformed"),
        (served(b"\xff\xfe"), INVALID, "not ASCII"),
        (served(POLICY + "# " + "x" * MAX_TEXT), INVALID, "longer"),
        (served(b""), INVALID, "malformed"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\nx",
            FETCH,
            HOST,
        ),
        (b"220 mx ESMTP\r\n", FETCH, HOST),
    ],
)
async def test_answers_that_are_none(web, answer, result, words):
    server = await web(answer=answer)
    with pytest.raises(FetchFailed, match=words) as caught:
        await fetch_from(server).fetch("example.net")
    assert caught.value.result is result
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (issue(ROOT, HOST, valid=(-9, -1)), "expired"),
        (issue(None, HOST), "self-signed"),
        (issue(root("Other"), HOST), "issuer"),
        (issue(ROOT, "www.example.net"), "mismatch"),
        (issue(ROOT, "127.0.0.1"), "mismatch"),
    ],
)
async def test_certificates_that_do_not_vouch(web, leaf, words):
    server = await web(leaf)
    with pytest.raises(FetchFailed, match=words) as caught:
        await fetch_from(server, "127.0.0.1", "127.0.0.1").fetch("example.net")
    assert caught.value.result is WEBPKI
    assert server.asked == []


async def test_a_wildcard_vouches(web):
    server = await web(issue(ROOT, "*.example.net"))
    assert await fetch_from(server).fetch("example.net")


async def test_a_server_that_says_nothing(web):
    server = await web()
    server.answer = b""
    with pytest.raises(FetchFailed, match="in time") as caught:
        await fetch_from(server, timeout=0.3).fetch("example.net")
    assert caught.value.result is FETCH


async def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        fetching = PolicyFetch(Names("127.0.0.1"), trusting(), 20.0, port)
        with pytest.raises(FetchFailed) as caught:
            await fetching.fetch("example.net")
    assert caught.value.result is FETCH


@pytest.mark.parametrize("domain", ["example.net", "unknown.example"])
async def test_no_address(web, domain):
    server = await web()
    fetching = PolicyFetch(Names(), trusting(), 20.0, server.port)
    with pytest.raises(FetchFailed) as caught:
        await fetching.fetch(domain)
    assert caught.value.result is FETCH
