"""The conformance suite, run on the fake and on the embedded directory."""

from __future__ import annotations

import pytest

from directory_conformance import WORLD, DirectoryConformance
from fake_directory import FakeDirectory
from postroad.directory import CHEAP, DirectoryEditor, DirectorySettings, EmbeddedDirectory


class TestFake(DirectoryConformance):
    @pytest.fixture
    def directory(self):
        return FakeDirectory(
            domains=WORLD.domains,
            users=WORLD.users,
            aliases=WORLD.aliases,
            disabled=WORLD.disabled,
        )


class TestEmbedded(DirectoryConformance):
    @pytest.fixture
    async def directory(self, tmp_path):
        path = tmp_path / "directory.db"
        configured, added = WORLD.domains[:1], WORLD.domains[1:]
        with DirectoryEditor.open(path, domains=configured, profile=CHEAP) as editor:
            for domain in added:
                editor.add_domain(domain)
            for name, password in WORLD.users.items():
                editor.add_user(name, password)
            for source, targets in WORLD.aliases.items():
                editor.add_alias(source, targets)
            for name in WORLD.disabled:
                editor.set_enabled(name, enabled=False)
        directory = EmbeddedDirectory.open(
            path,
            domains=configured,
            settings=DirectorySettings(),
            clock=lambda: 0.0,
            profile=CHEAP,
        )
        yield directory
        directory.close()
