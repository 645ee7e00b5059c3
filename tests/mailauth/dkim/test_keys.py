"""Keys on disk: made, seen by others at once, pending, active, retired, gone."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dkim_signer import Zone
from postroad.mailauth.dkim import publication
from postroad.mailauth.dkim.key_ring import KeyRing
from postroad.mailauth.dkim.key_store import KeptKey, KeyGone, KeyState, KeyStore, KeysUnavailable
from postroad.mailauth.dkim.publication import AGAIN, Publication, objection
from postroad.mailauth.dkim.settings import DkimDomainSettings, DkimKeySettings, DkimSettings
from postroad.mailauth.dkim.signing_key import KeyMistake, SigningKey, new_key, published
from postroad.net.dns_records import RecordType

PENDING, ACTIVE, RETIRED = KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRED


def key(selector: str = "one", domain: str = "example.org") -> SigningKey:
    return new_key(domain, selector, "ed25519", 0)


def store(folder: Path, now: float = 1000.0) -> KeyStore:
    return KeyStore(folder / "dkim", lambda: now)


def test_what_one_process_adds_another_sees(tmp_path: Path) -> None:
    one, other = store(tmp_path), store(tmp_path)
    assert other.all() == ()
    made = key()
    (kept,) = one.add([made], PENDING)
    assert other.all() == (kept,)
    assert other.key(kept).record == made.record
    assert (kept.state, kept.made, kept.checked) == (PENDING, 1000.0, 0.0)
    other.change(kept, ACTIVE)
    assert one.all()[0].state is ACTIVE
    one.remove(kept)
    assert other.all() == ()
    assert list((tmp_path / "dkim/example.org").iterdir()) == []


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    store(tmp_path).add([key()], PENDING)
    for path in (tmp_path / "dkim").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "dkim").stat().st_mode & 0o077 == 0


def test_a_selector_is_taken_once(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.add([key()], PENDING)
    with pytest.raises(KeysUnavailable, match="in use already"):
        keys.add([key()], PENDING)
    keys.add([key(domain="example.net")], PENDING)
    assert len(keys.all()) == 2


def test_a_change_keeps_what_others_changed(tmp_path: Path) -> None:
    keys = store(tmp_path)
    (kept,) = keys.add([key()], PENDING)
    keys.change(kept, ACTIVE)
    assert keys.checked(kept, "nothing").state is ACTIVE
    keys.remove(kept)
    keys.change(kept, ACTIVE)
    assert keys.all() == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "keys": []}', '{"version": 1}'])
def test_a_list_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "dkim").mkdir()
    (tmp_path / "dkim/keys.json").write_text(text)
    with pytest.raises(KeysUnavailable, match="no list of keys"):
        store(tmp_path).all()


def test_a_key_that_is_gone_is_named(tmp_path: Path) -> None:
    keys = store(tmp_path)
    (kept,) = keys.add([key()], ACTIVE)
    (tmp_path / "dkim/example.org/one.pem").unlink()
    with pytest.raises(KeysUnavailable, match=r"one\.pem: No such file"):
        store(tmp_path).key(kept)


def pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def test_keys_as_opendkim_writes_them() -> None:
    private = rsa.generate_private_key(65537, 1024)
    found = SigningKey.of("example.org", "mail", pem(private))
    assert (found.kind, found.bits, found.algorithm) == ("rsa", 1024, "rsa-sha256")
    assert repr(found) == "SigningKey(domain='example.org', selector='mail')"


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"no key", "no private key"),
        (b"", "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
        (pem(rsa.generate_private_key(65537, 1024), b"secret"), "by a password"),
    ],
)
def test_what_cannot_sign(octets: bytes, words: str) -> None:
    with pytest.raises(KeyMistake, match=words):
        SigningKey.of("example.org", "mail", octets)


def test_a_long_record_is_in_strings() -> None:
    line = published(new_key("example.org", "one", "rsa", 2048))
    assert line.startswith('one._domainkey.example.org. TXT ( "v=DKIM1; k=rsa; p=')
    assert max(map(len, line.split('"'))) <= 255
    assert published(key()).count('"') == 2


async def test_a_key_begins_when_its_record_is_seen(tmp_path: Path) -> None:
    keys, said, zone = store(tmp_path), [], Zone({})
    old, new = key("old"), key("new")
    (former,) = keys.add([old], ACTIVE)
    (kept,) = keys.add([new], PENDING)
    watch = Publication(keys, zone, said.append)
    await watch.turn(1000.0)
    assert [each.words for each in keys.all()] == ["", "no record is published"]
    assert zone.asked == [new.name]
    zone.records_of[new.name] = old.record
    await watch.turn(1000.0)
    assert keys.all()[1].words == "the record is of another key"
    zone.records_of[new.name] = new.record.replace("v=DKIM1; ", "")
    await watch.turn(1000.0)
    assert [each.state for each in keys.all()] == [RETIRED, ACTIVE]
    assert said == [
        f"{kept.name}: the record is published; the key signs from now on",
        f"{former.name}: the key has been replaced and signs no more",
    ]
    await watch.turn(1000.0)
    assert len(said) == 2


async def test_a_key_replaces_only_those_of_its_kind_and_domain(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.add([new_key("example.org", "r", "rsa", 1024), key("x", "example.net")], ACTIVE)
    new = key("new")
    keys.add([new], PENDING)
    await Publication(keys, Zone.of(new), lambda words: None).turn(1000.0)
    assert [each.state for each in keys.all()] == [ACTIVE] * 3


async def test_a_broken_key_holds_up_no_other(tmp_path: Path) -> None:
    keys = store(tmp_path)
    broken, whole = key("broken"), key("whole")
    keys.add([broken, whole], PENDING)
    file = tmp_path / "dkim/example.org/broken.pem"
    file.write_text("x")
    zone = Zone.of(broken, whole)
    found = await Publication(store(tmp_path), zone, lambda words: None).turn(1000.0)
    assert [words.partition(":")[0] for words in found] == [str(file)]
    assert [each.state for each in keys.all()] == [PENDING, ACTIVE]


BAD = "the key signs, and its signatures count as bad"
RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8463 §A.2


@pytest.mark.parametrize(
    ("state", "after", "record", "words"),
    [
        (ACTIVE, AGAIN, None, "no record is published"),
        (ACTIVE, AGAIN, "v=DKIM1; p=", "the key is revoked"),
        (ACTIVE, AGAIN, RECORD, "the record is of another key"),
        (ACTIVE, -AGAIN, None, "no record is published"),  # the clock was set back
        (ACTIVE, AGAIN - 1, None, ""),
        (PENDING, AGAIN, None, ""),
        (RETIRED, AGAIN, None, ""),
    ],
)
async def test_the_record_of_a_key_that_signs_is_looked_for_again(
    tmp_path: Path, state: KeyState, after: float, record: str | None, words: str
) -> None:
    now = 100_000.0
    keys = store(tmp_path, now)
    (kept,) = keys.add([key()], state)
    keys.checked(kept, "")
    zone = Zone({} if record is None else {kept.name: record})
    found = await Publication(keys, zone, lambda words: None).turn(now + after)
    expected = f"{kept.name}: {words}; {BAD}"
    assert found == ((expected,) if words else ())


class Counting(KeyStore):
    """A store that counts how often its list is written."""

    written = 0

    def _write(self, kept: Sequence[KeptKey]) -> None:
        self.written += 1
        super()._write(kept)


async def test_what_was_found_of_many_keys_is_one_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is written whole, and all workers read it anew: for each key that takes long."""
    monkeypatch.setattr(publication, "MOST_AT_ONCE", 3)
    keys, new = Counting(tmp_path / "dkim", lambda: 5000.0), key("new")
    older = [key(domain=f"{name}.test") for name in "abcde"]
    keys.checked(keys.add(older, ACTIVE)[0], "")
    keys.add([new], PENDING)
    (tmp_path / "dkim/b.test/one.pem").unlink()
    keys.written, zone = 0, Zone({})

    found = await Publication(keys, zone, lambda words: None).turn(5000.0 + AGAIN)

    assert zone.asked == [new.name, older[2].name, older[3].name]
    assert keys.written == 2
    assert [each.checked for each in keys.all()] == [5000.0] * 4 + [0.0, 5000.0]
    assert found == (
        f"{tmp_path}/dkim/b.test/one.pem: No such file or directory",
        *(f"{each.name}: no record is published; {BAD}" for each in older[2:4]),
    )


async def test_what_is_found_of_a_key_that_is_deleted_meanwhile_is_not_said(
    tmp_path: Path,
) -> None:
    keys = store(tmp_path)
    (gone, _) = keys.add([key("gone"), key("left")], ACTIVE)

    class Slow(Zone):
        async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
            keys.remove(gone)
            return await super().records(name, kind)

    (words,) = await Publication(keys, Slow({}), lambda words: None).turn(AGAIN)
    assert words.startswith("left.")


@pytest.mark.parametrize("away", [True, False])
async def test_a_record_that_is_right_or_unknown_is_no_trouble(tmp_path: Path, away: bool) -> None:
    keys, made = store(tmp_path), key()
    (kept,) = keys.add([made], ACTIVE)
    zone = Zone({made.name: made.record}, away=away)
    assert await Publication(keys, zone, lambda words: None).turn(AGAIN) == ()
    assert zone.asked == [kept.name]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "no record is published"),
        ("v=DKIM1; p=", "the key is revoked"),
        ("v=DKIM1; k=rsa; p=AAAA", "the RSA key cannot be read"),
        (new_key("example.org", "r", "rsa", 1024).record, "of another kind (rsa)"),
    ],
)
async def test_records_that_are_not_right(record: str | None, words: str) -> None:
    one = key()
    zone = Zone({} if record is None else {one.name: record})
    assert words in await objection(zone, one)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (("v=spf1 -all",), "no key is published under its name"),
        (("v=DKIM1; p=", "v=DKIM1; p="), "several keys are published under its name"),
    ],
)
async def test_it_is_said_where_there_is_not_one_key(records: Sequence[str], words: str) -> None:
    one = key()
    assert await objection(Zone({one.name: records}), one) == words


async def test_a_dns_that_is_away_says_nothing_of_the_record() -> None:
    assert await objection(Zone({}, away=True), key()) == "the DNS gives no answer at present"


def ring(folder: Path, settings: DkimSettings, *given: SigningKey) -> KeyRing:
    return KeyRing(settings, given, store(folder))


def selectors(found: KeyRing, author: str) -> list[str]:
    return [each.selector for each in found.keys_for(author)]


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("example.org", ["a"]),
        ("EXAMPLE.org", ["a"]),
        ("news.example.org", ["a"]),
        ("deep.news.example.org", ["a"]),
        ("own.example.org", ["own"]),
        ("x.own.example.org", ["own"]),
        ("example.net", []),
        ("badexample.org", []),
        ("org", []),
        ("", []),
        ("off.example.org", []),
        ("other.test", ["a"]),
        ("chosen.test", []),
    ],
)
def test_who_signs_for_whom(tmp_path: Path, author: str, expected: list[str]) -> None:
    keys = store(tmp_path)
    keys.add([key("a"), key("own", "own.example.org")], ACTIVE)
    keys.add([key("p"), key("q")], PENDING)
    keys.add([key("r")], RETIRED)
    settings = DkimSettings(
        domain={
            "off.example.org": DkimDomainSettings(sign=False),
            "other.test": DkimDomainSettings(signer="example.org"),
            "chosen.test": DkimDomainSettings(signer="example.org", selectors=("b",)),
        }
    )
    assert selectors(ring(tmp_path, settings), author) == expected


@pytest.mark.parametrize(
    ("author", "words"),
    [
        ("waits.test", "the keys of waits.test wait for their records (postroad dkim check)"),
        ("News.Waits.test", "the keys of waits.test wait for their records (postroad dkim check)"),
        ("sent.test", "the keys of waits.test wait for their records (postroad dkim check)"),
        ("off.waits.test", "off.waits.test is switched off in [dkim.domain]"),
        ("past.test", "past.test has no key in use"),
        ("other.test", "other.test has no key in use"),
        ("example.net", "example.net has no key in use"),
        ("a" * 64 + ".test", "the author's domain is none"),
        ("", "the author's domain is none"),
    ],
)
def test_why_nobody_signs(tmp_path: Path, author: str, words: str) -> None:
    keys = store(tmp_path)
    keys.add([key("a", "waits.test"), key("b", "waits.test")], PENDING)
    keys.add([key("c", "past.test")], RETIRED)
    settings = DkimSettings(
        domain={
            "off.waits.test": DkimDomainSettings(sign=False),
            "sent.test": DkimDomainSettings(signer="waits.test"),
            "other.test": DkimDomainSettings(signer="x.waits.test"),
        }
    )
    found = ring(tmp_path, settings)
    assert found.keys_for(author) == ()
    assert found.lack(author) == words


def test_unpublished_keys_sign_if_told_to(tmp_path: Path) -> None:
    store(tmp_path).add([key("p")], PENDING)
    assert selectors(ring(tmp_path, DkimSettings()), "example.org") == []
    told = DkimSettings(sign_unpublished=True)
    assert selectors(ring(tmp_path, told), "example.org") == ["p"]


def test_keys_in_files_sign_at_once(tmp_path: Path) -> None:
    file = tmp_path / "k.pem"
    file.write_bytes(key().pem)
    file.chmod(0o600)
    from postroad.mailauth.dkim.key_ring import keys_in_files

    said = DkimKeySettings(domain="Bücher.example", selector="one", file=file)
    (given,) = keys_in_files([said])
    assert given.domain == "xn--bcher-kva.example"
    found = ring(tmp_path, DkimSettings(keys=(said,)), given)
    assert selectors(found, "bücher.example") == ["one"]


def test_a_record_of_another_form_is_the_same_key() -> None:
    """RFC 6376 says RSAPublicKey; everybody publishes SubjectPublicKeyInfo."""
    from postroad.mailauth.dkim.public_key import PublicKey, key_of

    private = rsa.generate_private_key(65537, 1024)
    octets = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    )
    found = key_of(f"p={base64.b64encode(octets).decode()}")
    assert isinstance(found, PublicKey)
    assert found.bits == 1024


async def test_a_key_that_is_gone_before_it_begins_takes_nobodys_place(tmp_path: Path) -> None:
    keys, said = store(tmp_path), []
    keys.add([key("old")], ACTIVE)
    (kept,) = keys.add([key("new")], PENDING)
    pending = keys.checked(kept, "")
    store(tmp_path).remove(kept)
    watch = Publication(keys, Zone({}), said.append)

    watch._begin(pending)

    assert [(each.selector, each.state) for each in keys.all()] == [("old", ACTIVE)]
    assert said == []


def test_a_key_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.add([key("old")], ACTIVE)
    (kept,) = keys.add([key("new")], PENDING)
    keys.remove(kept)
    store(tmp_path, now=2000.0).add([key("new")], PENDING)

    assert keys.begin(kept) == (kept, ())
    assert [each.state for each in keys.all()] == [ACTIVE, PENDING]


def test_keys_are_read_once_whatever_becomes_of_others(tmp_path: Path) -> None:
    keys = store(tmp_path)
    (one, other) = keys.add([key("one"), key("other")], ACTIVE)
    loaded = keys.key(one)
    keys.key(other)
    store(tmp_path).change(other, RETIRED)
    assert keys.key(keys.all()[0]) is loaded
    store(tmp_path).remove(one)
    keys.all()
    with pytest.raises(KeyGone, match=r"one\._domainkey\.example\.org was deleted"):
        keys.key(one)


def test_a_key_that_is_broken_leaves_the_signing_to_the_others(tmp_path: Path) -> None:
    store(tmp_path).add([key("a"), key("b")], ACTIVE)
    (tmp_path / "dkim/example.org/a.pem").write_bytes(b"nonsense")
    said: list[str] = []
    found = KeyRing(DkimSettings(), (), store(tmp_path), said.append)

    assert [selectors(found, "example.org") for _ in range(2)] == [["b"]] * 2

    (words,) = said
    assert words.startswith("the key a._domainkey.example.org is not used: ")
    (tmp_path / "dkim/example.org/b.pem").unlink()
    with pytest.raises(KeysUnavailable):
        KeyRing(DkimSettings(), (), store(tmp_path)).keys_for("example.org")


def test_a_list_of_the_same_time_and_file_is_another_one_by_its_size(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.add([key("a")], ACTIVE)
    path = tmp_path / "dkim/keys.json"
    found, octets = path.stat(), path.read_bytes()
    keys.all()
    path.write_bytes(octets.replace(b'"active"', b'"pending"'))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert [each.state for each in keys.all()] == [PENDING]


class Overtaken(KeyStore):
    """A store in whose folder others do something between a look at the list and at a key."""

    def __init__(self, folder: Path, others: Callable[[], object]) -> None:
        super().__init__(folder / "dkim", lambda: 3000.0)
        self._others: Callable[[], object] | None = others

    def key(self, kept: KeptKey) -> SigningKey:
        others, self._others = self._others, None
        if others is not None:
            others()
        return super().key(kept)


def overtaken(folder: Path, others: Callable[[], object]) -> list[str]:
    """Who signs for news.example.org; nothing is said of keys that were deleted on purpose."""
    said: list[str] = []
    found = KeyRing(DkimSettings(), (), Overtaken(folder, others), said.append)
    chosen = selectors(found, "news.example.org")
    assert said == []
    return chosen


def test_a_key_that_is_replaced_and_deleted_meanwhile_leaves_no_mail_unsigned(
    tmp_path: Path,
) -> None:
    keys = store(tmp_path)
    (old,) = keys.add([key("old")], ACTIVE)
    (new,) = keys.add([key("new")], PENDING)

    def others() -> None:
        keys.begin(new)
        keys.remove(old)

    assert overtaken(tmp_path, others) == ["new"]


def test_a_key_that_is_deleted_meanwhile_leaves_the_signing_to_the_domain_above(
    tmp_path: Path,
) -> None:
    keys = store(tmp_path)
    (_, below) = keys.add([key("a"), key("b", "news.example.org")], ACTIVE)

    assert overtaken(tmp_path, lambda: keys.remove(below)) == ["a"]


def test_a_key_that_took_the_name_of_one_that_was_deleted_does_not_sign_for_it(
    tmp_path: Path,
) -> None:
    keys = store(tmp_path)
    (old,) = keys.add([key("one")], ACTIVE)

    def others() -> None:
        keys.remove(old)
        store(tmp_path, now=2000.0).add([key("one")], PENDING)

    assert overtaken(tmp_path, others) == []


def test_deleting_a_key_spares_another_one_of_its_name(tmp_path: Path) -> None:
    keys = store(tmp_path)
    (old,) = keys.add([key("one")], ACTIVE)
    keys.remove(old)
    made = key("one")
    (new,) = store(tmp_path, now=2000.0).add([made], PENDING)

    keys.remove(old)

    assert keys.all() == (new,)
    assert store(tmp_path).key(new).record == made.record


def test_a_key_that_cannot_be_destroyed_is_named(tmp_path: Path) -> None:
    keys = store(tmp_path)
    (kept,) = keys.add([key("one")], ACTIVE)
    path = tmp_path / "dkim/example.org/one.pem"
    path.unlink()
    path.mkdir()

    with pytest.raises(KeysUnavailable, match=r"one\.pem: Is a directory"):
        keys.remove(kept)


async def test_a_key_that_is_deleted_meanwhile_holds_up_no_other(tmp_path: Path) -> None:
    keys, new = store(tmp_path), key("new", "example.net")
    (gone, _) = keys.add([key("gone"), new], PENDING)
    turning = Overtaken(tmp_path, lambda: keys.remove(gone))

    await Publication(turning, Zone.of(new), lambda words: None).turn(1000.0)

    assert [each.state for each in keys.all()] == [ACTIVE]
