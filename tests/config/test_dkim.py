"""What `[dkim]` must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.dkim import dkim_faults, dkim_file_faults
from postroad.mailauth.dkim.settings import DkimDomainSettings, DkimKeySettings, DkimSettings
from postroad.mailauth.dkim.signing_key import new_key


def configuration(
    *keys: tuple[str, str], domain: dict[str, DkimDomainSettings] | None = None
) -> Configuration:
    given = tuple(
        DkimKeySettings(domain=name, selector=selector, file=Path("k.pem"))
        for name, selector in keys
    )
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        dkim=DkimSettings(keys=given, domain=domain or {}),
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((("example.org", "a"), ("example.net", "a"), ("bücher.example", "2024.mail")), []),
        ((("a b", "a"),), ["expected a domain name"]),
        ((("example.org", "a_b!"),), ["expected a selector"]),
        ((("example.org", "ä"),), ["expected a selector"]),
        ((("example.org", "a"), ("EXAMPLE.org", "A")), ["has another key with the selector"]),
    ],
)
def test_keys(keys: tuple[tuple[str, str], ...], words: list[str]) -> None:
    found = [str(each) for each in dkim_faults(configuration(*keys))]
    assert len(found) == len(words)
    assert all(said in line for said, line in zip(words, found, strict=True))


def test_domains() -> None:
    said = {
        "example.org": DkimDomainSettings(),
        "no domain": DkimDomainSettings(),
        "example.net": DkimDomainSettings(signer="a b", selectors=("x", "!")),
    }
    found = [fault.path for fault in dkim_faults(configuration(domain=said))]
    assert found == [
        ("dkim", "domain", "no domain"),
        ("dkim", "domain", "example.net", "signer"),
        ("dkim", "domain", "example.net", "selectors", 1),
    ]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (fault,) = dkim_file_faults(configuration(("example.org", "a")))
    assert fault.path == ("dkim", "keys", 0, "file")
    assert "No such file" in str(fault)
    (tmp_path / "k.pem").write_bytes(new_key("example.org", "a", "ed25519", 0).pem)
    (tmp_path / "k.pem").chmod(0o644)
    (fault,) = dkim_file_faults(configuration(("example.org", "a")))
    assert "everybody may read this key: chmod o= k.pem" in str(fault)
    (tmp_path / "k.pem").chmod(0o640)
    assert list(dkim_file_faults(configuration(("example.org", "a")))) == []
