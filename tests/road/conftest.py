"""What every acceptance test needs: an authority, a certificate, and peers that end by themselves.

`started` ends what a test started, in reverse order, whatever happens to the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol, TypeVar

import pytest

from peers import postfix
from peers.certificates import Authority, Certificate
from peers.postfix import Postfix
from peers.processes import peer_folder, remove_folder


class Peer(Protocol):
    def stop(self) -> None: ...


Started = TypeVar("Started", bound=Peer)


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    folder = peer_folder("authority")
    yield Authority(folder)
    remove_folder(folder)


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("mail.example.org", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def elsewhere(authority: Authority) -> Iterator[Postfix]:
    """The MX of elsewhere.test, where lisa lives."""
    server = postfix.mail_exchanger(
        "elsewhere.test", ["lisa"], authority.issue("mx.elsewhere.test")
    )
    yield server
    server.stop()


@pytest.fixture
def started() -> Iterator[Callable[[Started], Started]]:
    with ExitStack() as stack:

        def start(peer: Started) -> Started:
            stack.callback(peer.stop)
            return peer

        yield start


@pytest.fixture(scope="module")
def module_started() -> Iterator[Callable[[Started], Started]]:
    with ExitStack() as stack:

        def start(peer: Started) -> Started:
            stack.callback(peer.stop)
            return peer

        yield start
