"""The conformance suite, run on the fake and on the embedded directory."""

from __future__ import annotations

import pytest

from directory_conformance import DirectoryConformance
from fake_directory import FakeDirectory
from postroad.directory import CHEAP, DirectoryEditor, DirectorySettings, EmbeddedDirectory
from postroad.directory.embedded.quota import Quota
from postroad.sasl import SecretKind


class TestFake(DirectoryConformance):
    @pytest.fixture
    def make(self):
        async def made(world, texts):
            for number, (name, label, _) in enumerate(world.app_passwords):
                texts[name, label] = f"app password {number}"
            return FakeDirectory(
                domains=world.domains,
                users=world.users,
                aliases=world.aliases,
                disabled=world.disabled,
                places=world.places,
                hashed=set(world.users) - set(world.clear),
                app_passwords={
                    texts[name, label]: (name, scope) for name, label, scope in world.app_passwords
                },
            )

        return made


class TestEmbedded(DirectoryConformance):
    @pytest.fixture
    async def make(self, tmp_path):
        opened = []

        async def made(world, texts):
            path = tmp_path / "directory.db"
            fill(path, world, texts)
            directory = EmbeddedDirectory.open(
                path,
                domains=world.domains[:1],
                settings=DirectorySettings(rehash=False),
                clock=lambda: 0.0,
                profile=CHEAP,
            )
            opened.append(directory)
            return directory

        yield made
        for directory in opened:
            directory.close()


def fill(path, world, texts):
    configured, added = world.domains[:1], world.domains[1:]
    with DirectoryEditor.open(
        path, domains=configured, profile=CHEAP, kinds=frozenset(SecretKind)
    ) as editor:
        for domain in added:
            editor.add_domain(domain)
        for name, password in world.users.items():
            scheme = "PLAIN" if name in world.clear else "ARGON2ID"
            editor.add_user(name, password, scheme=scheme)
        for source, targets in world.aliases.items():
            editor.add_alias(source, targets)
        for name, label, scope in world.app_passwords:
            texts[name, label] = editor.add_app_password(name, label, scope).text
        for name in world.disabled:
            editor.set_enabled(name, enabled=False)
        for name, place in world.places.items():
            editor.set_quota(name, Quota(place.quota_bytes, place.quota_messages))
