"""What logins are joined to: whoever guesses at one account counts at it, by whatever name."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

from postroad.app.directories import open_chain
from postroad.app.logins import logins_of
from postroad.config import Configuration
from postroad.directory import CHEAP, DirectoryEditor, EmbeddedDirectory
from postroad.directory.source_settings import SourceSettings


async def test_a_directory_that_drops_the_domain_has_one_account_for_all(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("me:{PLAIN}secret\n")
    settings = SourceSettings(kind="files", passwd=tmp_path / "users", username_format="%Ln")
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=tmp_path,
        directories={"old": settings},
    )
    DirectoryEditor.open(
        configuration.directory_file, domains=("example.org",), profile=CHEAP
    ).close()
    async with AsyncExitStack() as exits:
        embedded = EmbeddedDirectory.open(
            configuration.directory_file,
            domains=("example.org",),
            settings=configuration.directory,
            clock=time.monotonic,
        )
        exits.callback(embedded.close)
        chain = open_chain(
            configuration, embedded, exits, clock=time.monotonic, report=lambda _: None
        )
        running = SimpleNamespace(configuration=configuration)
        logins = logins_of(running, chain, tokens=None, fake_key=b"", guard=SimpleNamespace())
        assert logins.names is not None
        for name in ("me", "me@a1.example", "ME@a2.example"):
            assert await chain.authenticate(name, "secret") == "me@example.org"
            assert (await logins.names.login_names(name))[0] == "me@example.org"
        for name in ("nobody@a1.example", "nobody@a2.example"):
            assert "nobody@example.org" in await logins.names.login_names(name)
