"""Which mechanisms are offered: where everything is there that they need."""

from __future__ import annotations

from typing import get_args

import pytest

from fake_directory import FakeDirectory
from postroad.sasl import MECHANISMS
from postroad.server.login_settings import MechanismName
from postroad.server.logins import Logins
from postroad.server.mechanisms import Circumstances, offered_mechanisms

NOTHING = Circumstances(bindings=frozenset(), certified=False)
UNIQUE = frozenset({"tls-unique", "tls-server-end-point"})
BINDABLE = Circumstances(bindings=UNIQUE, certified=False)
TLS_1_3 = Circumstances(bindings=frozenset({"tls-server-end-point"}), certified=False)
EVERYTHING = Circumstances(bindings=UNIQUE, certified=True)

DIRECTORY = FakeDirectory()
LACKING = FakeDirectory()
LACKING.without_secrets = {"john@example.org"}
AWAY = FakeDirectory()
AWAY.unavailable = True
WITH_SECRETS = Logins(secrets=DIRECTORY)


class Someone:
    async def user_of(self, token):
        return None

    async def user_of_certificate(self, certificate):
        return None


ALL = {"secrets": DIRECTORY, "tokens": Someone(), "certificates": Someone()}


def named(*names, **parts):
    return Logins(mechanisms=names, **parts)


@pytest.mark.parametrize(
    ("logins", "circumstances", "offered"),
    [
        (Logins(), EVERYTHING, "PLAIN LOGIN"),
        (WITH_SECRETS, NOTHING, "PLAIN LOGIN SCRAM-SHA-256"),
        (WITH_SECRETS, BINDABLE, "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256"),
        (WITH_SECRETS, TLS_1_3, "PLAIN LOGIN SCRAM-SHA-256"),
        (named("SCRAM-SHA-256-PLUS", **ALL), TLS_1_3, "SCRAM-SHA-256-PLUS"),
        (Logins(secrets=LACKING), BINDABLE, "PLAIN LOGIN"),
        (Logins(secrets=AWAY), BINDABLE, "PLAIN LOGIN"),
        (Logins(tokens=Someone()), NOTHING, "PLAIN LOGIN OAUTHBEARER XOAUTH2"),
        (Logins(certificates=Someone()), BINDABLE, "PLAIN LOGIN"),
        (Logins(certificates=Someone()), EVERYTHING, "PLAIN LOGIN EXTERNAL"),
        (
            Logins(**ALL),
            EVERYTHING,
            "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 EXTERNAL",
        ),
        (named("LOGIN", "PLAIN"), EVERYTHING, "LOGIN PLAIN"),
        (named("CRAM-MD5", "PLAIN", **ALL), NOTHING, "CRAM-MD5 PLAIN"),
        (named("CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), EVERYTHING, ""),
        (named(*MECHANISMS, **ALL), EVERYTHING, " ".join(MECHANISMS)),
        (named("SCRAM-SHA-256", secrets=LACKING), NOTHING, "SCRAM-SHA-256"),
        (named("SCRAM-SHA-256-PLUS", **ALL), NOTHING, ""),
        (named("EXTERNAL", **ALL), BINDABLE, ""),
        (named("XOAUTH2", secrets=DIRECTORY), EVERYTHING, ""),
    ],
)
async def test_offered(logins, circumstances, offered):
    assert await offered_mechanisms(logins, circumstances) == tuple(offered.split())


def test_an_operator_can_name_every_mechanism():
    assert get_args(MechanismName) == tuple(MECHANISMS)
