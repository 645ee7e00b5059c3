"""Reports over HTTPS, to a real server at 127.0.0.1."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator

import pytest

from chains import issue, root
from policy_web_server import WebServer, served, server_tls
from postroad.net.dns import DnsTemporary
from postroad.reports.kind import NotSent
from postroad.reports.tls import sums
from postroad.reports.tls.posting import Post, is_public
from postroad.reports.tls.reading import parse
from report_world import BAD, GOOD, TODAY, World

ROOT = root()
LEAF = issue(ROOT, "reports.example.net")


class Names:
    def __init__(self, *addresses: str) -> None:
        self.found = addresses

    async def addresses(self, host: str) -> tuple[str, ...]:
        if not self.found:
            raise DnsTemporary(host, "A")
        return self.found


class Recording(WebServer):
    """Also keeps the bodies of requests."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.bodies: list[bytes] = []
        self.heads: list[str] = []

    async def _serve(self, reader, writer) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split()[0])
            self.bodies.append(await reader.readexactly(length))
            self.heads.append(head)
            writer.write(self.answer)
            await writer.drain()
        finally:
            writer.close()


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ROOT.pem.decode())


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    made = Recording(server_tls(LEAF), served("", "201 Created"))
    await made.start()
    yield made
    await made.stop()


def post(*addresses: str, timeout: float = 20.0, allowed=lambda _: True) -> Post:
    return Post(Names(*(addresses or ("127.0.0.1",))), trusting(), timeout, allowed)


async def test_a_whole_day_to_a_real_server(server: Recording) -> None:
    world = World()
    counts = {(TODAY - 1, GOOD.in_short): 3, (TODAY - 1, BAD): 1}
    await world.file.ask(lambda found: sums.add(found, counts, 0, TODAY))
    url = f"https://reports.example.net:{server.port}/v1/tls?to=us"
    world.records.texts["example.net"] = f"v=TLSRPTv1; rua={url}"
    await world.another(post()).turn()
    (body,), (head,) = server.bodies, server.heads
    report = parse(gzip.decompress(body))
    assert (report.ok, report.failed) == (3, 1)
    assert head.startswith("POST /v1/tls?to=us HTTP/1.1\r\n")
    lines = head.lower().splitlines()
    assert f"host: reports.example.net:{server.port}" in lines
    assert "content-type: application/tlsrpt+gzip" in lines
    assert world.log[0].endswith(": reports.example.net answered with 201")


@pytest.mark.parametrize(
    ("status", "why"), [("503 Busy", "answered with 503"), ("302 Found", "answered with 302")]
)
async def test_other_answers_are_failures(server: Recording, status: str, why: str) -> None:
    server.answer = served("", status, Location="https://127.0.0.1/")
    with pytest.raises(NotSent, match=why):
        await post().post(f"https://reports.example.net:{server.port}/", b"x")


async def test_the_certificate_has_to_be_the_hosts(server: Recording) -> None:
    with pytest.raises(NotSent, match=r"other\.example\.net: .*certificate"):
        await post().post(f"https://other.example.net:{server.port}/", b"x")
    assert server.bodies == []


async def test_a_second_address_is_tried(server: Recording) -> None:
    words = await post("127.0.0.77", "127.0.0.1").post(
        f"https://reports.example.net:{server.port}/", b"x"
    )
    assert words == "reports.example.net answered with 201"


async def test_nobody_makes_us_talk_to_our_own_network(server: Recording) -> None:
    url = f"https://reports.example.net:{server.port}/"
    with pytest.raises(NotSent, match="has no public address"):
        await post("127.0.0.1", "10.0.0.1", allowed=is_public).post(url, b"x")
    assert server.bodies == []


async def test_a_name_that_is_not_to_be_looked_up() -> None:
    with pytest.raises(NotSent):
        await Post(Names(), trusting(), 5.0).post("https://reports.example.net/", b"x")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::1", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected
