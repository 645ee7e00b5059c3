"""Which certificate a client is shown, by name and by kind of key, before and after a reload."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from peers.certificates import Authority, Certificate
from postroad.net.certificates import KeyPair, TlsConfigurationError, read_chain
from postroad.net.settings import ProfileName, TlsSettings, TlsVersion
from postroad.net.tls_server import Certificates, ServerTls
from postroad.net.tls_stream import TlsStream

RSA_ONLY = "ECDHE-RSA-AES128-GCM-SHA256"
ECDSA_ONLY = "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def mail(authority: Authority) -> Certificate:
    return authority.issue("mail.example.org")


def pair(certificate: Certificate, *names: str) -> KeyPair:
    return KeyPair(certificate.chain, certificate.key, names)


def served(pairs: Sequence[Certificate | KeyPair], **settings: object) -> ServerTls:
    given = [each if isinstance(each, KeyPair) else pair(each) for each in pairs]
    return ServerTls(Certificates(TlsSettings(**settings), given))  # type: ignore[arg-type]


def client(authority: Authority, **wishes: object) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    for name, value in wishes.items():
        if name == "ciphers":
            context.set_ciphers(str(value))
        else:
            setattr(context, name, value)
    return context


def shake(
    front: ssl.SSLContext,
    context: ssl.SSLContext,
    name: str | None = "mail.example.org",
    session: ssl.SSLSession | None = None,
) -> tuple[TlsStream, ssl.SSLObject]:
    """A whole handshake in memory, and an answer, which brings the client its tickets."""
    to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = context.wrap_bio(to_client, from_client, server_hostname=name, session=session)
    ours = TlsStream(front, server_side=True)
    for _ in range(3):
        with contextlib.suppress(ssl.SSLWantReadError):
            theirs.do_handshake()
        ours.feed(from_client.read())
        ours.handshake()
        to_client.write(ours.to_send())
    ours.write(b"220 hello\r\n")
    to_client.write(ours.to_send())
    assert theirs.read(100) == b"220 hello\r\n"
    return ours, theirs


def shown(theirs: ssl.SSLObject) -> str:
    der = theirs.getpeercert(binary_form=True)
    assert der is not None
    made = x509.load_der_x509_certificate(der)
    kind = "ecdsa" if isinstance(made.public_key(), ec.EllipticCurvePublicKey) else "rsa"
    return f"{made.subject.rfc4514_string().removeprefix('CN=')} {kind}"


@pytest.mark.parametrize(
    ("asked", "expected", "server_name"),
    [
        ("mail.example.org", "mail.example.org ecdsa", "mail.example.org"),
        ("MAIL.EXAMPLE.ORG", "mail.example.org ecdsa", "mail.example.org"),
        ("mail.example.net", "mail.example.net ecdsa", "mail.example.net"),
        ("any.example.net", "*.example.net ecdsa", "any.example.net"),
        ("a.any.example.net", "mail.example.org ecdsa", ""),
        ("example.net", "mail.example.org ecdsa", ""),
        ("unknown.example", "mail.example.org ecdsa", ""),
        ("alias.example", "mail.example.com ecdsa", "alias.example"),
        ("mail.example.com", "mail.example.org ecdsa", ""),
        (None, "mail.example.org ecdsa", ""),
    ],
)
def test_the_name_that_is_asked_for_decides(
    authority: Authority, mail: Certificate, asked: str | None, expected: str, server_name: str
) -> None:
    tls = served(
        [
            mail,
            authority.issue("*.example.net"),
            authority.issue("mail.example.net"),
            pair(authority.issue("mail.example.com"), "Alias.example"),
        ]
    )

    ours, theirs = shake(tls.context(client_certificates=False), client(authority), asked)

    assert shown(theirs) == expected
    assert ours.session().server_name == server_name
    assert ours.server_name == (asked or "")


@pytest.mark.parametrize("name", ["mail.example.org", "unknown.example", None])
@pytest.mark.parametrize(
    ("cipher", "kind"), [(RSA_ONLY, "rsa"), (ECDSA_ONLY, "ecdsa"), ("ECDHE", "ecdsa")]
)
def test_each_client_gets_the_kind_of_key_that_it_can_use(
    authority: Authority, mail: Certificate, cipher: str, kind: str, name: str | None
) -> None:
    rsa = authority.issue("mail.example.org", "other.example.org", kind="rsa", file="rsa")
    tls = served([mail, rsa])
    wish = client(authority, ciphers=cipher, maximum_version=ssl.TLSVersion.TLSv1_2)

    _, theirs = shake(tls.context(client_certificates=False), wish, name)

    assert shown(theirs) == f"mail.example.org {kind}"


def test_of_two_certificates_with_the_same_kind_of_key_the_first_is_shown(
    authority: Authority, mail: Certificate
) -> None:
    second = authority.issue("second.example.org", "mail.example.org")
    tls = served([mail, second])
    front = tls.context(client_certificates=False)

    assert shown(shake(front, client(authority))[1]) == "mail.example.org ecdsa"
    assert shown(shake(front, client(authority), "second.example.org")[1]).startswith("second")


def test_channel_bindings_are_those_of_the_certificates_that_may_have_been_shown(
    authority: Authority, mail: Certificate
) -> None:
    rsa = authority.issue("mail.example.org", kind="rsa", file="rsa-bound")
    other = authority.issue("other.example")
    front = served([mail, rsa, other]).context(client_certificates=False)

    ours, _ = shake(front, client(authority))
    alone, _ = shake(front, client(authority), "other.example")

    expected = {read_chain(each.chain).end_point for each in (mail, rsa)}
    assert ours.channel_bindings() == {"tls-server-end-point": expected}
    end_point = read_chain(other.chain).end_point
    assert alone.channel_bindings() == {"tls-server-end-point": {end_point}}


def test_tls_unique_is_of_tls_1_2_and_of_whole_handshakes(
    authority: Authority, mail: Certificate
) -> None:
    front = served([mail]).context(client_certificates=False)
    old = client(authority, maximum_version=ssl.TLSVersion.TLSv1_2)

    ours, theirs = shake(front, old)
    resumed, _ = shake(front, old, session=theirs.session)

    assert ours.channel_bindings()["tls-unique"] == {theirs.get_channel_binding("tls-unique")}
    assert resumed.session().resumed
    assert "tls-unique" not in resumed.channel_bindings()


VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize(
    ("profile", "minimum", "spoken"),
    [
        ("modern", None, ["TLSv1.3"]),
        ("modern", "TLSv1.3", ["TLSv1.3"]),
        ("intermediate", None, ["TLSv1.2", "TLSv1.3"]),
        ("intermediate", "TLSv1.3", ["TLSv1.3"]),
        ("old", None, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
        ("old", "TLSv1.2", ["TLSv1.2", "TLSv1.3"]),
    ],
)
def test_which_versions_a_profile_speaks(
    authority: Authority,
    mail: Certificate,
    profile: ProfileName,
    minimum: TlsVersion | None,
    spoken: list[str],
) -> None:
    tls = served([mail], profile=profile, minimum_version=minimum)
    front = tls.context(client_certificates=False)
    heard = []
    for name, version in VERSIONS.items():
        wish = client(authority, ciphers="ALL:@SECLEVEL=0", minimum_version=version)
        wish.maximum_version = version
        with contextlib.suppress(ssl.SSLError):
            heard.append(shake(front, wish)[0].session().version)
            assert heard[-1] == name

    assert heard == spoken


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"])
def test_weak_ciphers_are_for_the_old_alone(authority: Authority, cipher: str) -> None:
    certificate = authority.issue("weak.example", kind="ec" if "ECDSA" in cipher else "rsa")
    wish = client(authority, ciphers=f"{cipher}:@SECLEVEL=0")
    wish.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        shake(served([certificate]).context(client_certificates=False), wish)
    old = served([certificate], profile="old").context(client_certificates=False)
    assert shake(old, wish)[0].session().cipher == cipher


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_also_after_a_reload(
    authority: Authority, mail: Certificate, version: ssl.TLSVersion
) -> None:
    tls = served([mail])
    front = tls.context(client_certificates=False)
    wish = client(authority, maximum_version=version)
    first, theirs = shake(front, wish)

    renewed = authority.issue("mail.example.org", file="renewed")
    tls.take(Certificates(TlsSettings(), [pair(renewed)]))
    second, _ = shake(front, wish, session=theirs.session)
    fresh, fresh_theirs = shake(front, wish)

    assert [each.session().resumed for each in (first, second, fresh)] == [False, True, False]
    der = fresh_theirs.getpeercert(binary_form=True)
    assert der is not None
    assert x509.load_der_x509_certificate(der) == read_chain(renewed.chain).leaf


def test_a_connection_under_way_goes_on_through_a_reload(
    authority: Authority, mail: Certificate
) -> None:
    tls = served([mail])
    ours, theirs = shake(tls.context(client_certificates=False), client(authority))

    tls.take(Certificates(TlsSettings(profile="modern"), [pair(authority.issue("x.example"))]))
    theirs.write(b"NOOP\r\n")
    with pytest.raises(ssl.SSLError, match=r"PROTOCOL|VERSION"):  # and the profile holds for others
        shake(
            tls.context(client_certificates=False),
            client(authority, maximum_version=ssl.TLSVersion.TLSv1_2),
        )

    assert ours.channel_bindings() == {
        "tls-server-end-point": {read_chain(mail.chain).end_point},
    }


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_may_show_a_certificate(
    authority: Authority, mail: Certificate, version: ssl.TLSVersion
) -> None:
    tls = served([mail], client_ca_file=authority.certificate)
    card = authority.issue("john", "john@example.org", client=True)
    asking, plain = tls.context(client_certificates=True), tls.context(client_certificates=False)
    wish = client(authority, maximum_version=version)
    without = client(authority, maximum_version=version)
    wish.load_cert_chain(card.chain, card.key)

    known, theirs = shake(asking, wish)
    again, _ = shake(asking, wish, session=theirs.session)

    for each in (known, again):
        seen = each.session().client_certificate
        assert seen is not None
        assert seen.emails == ("john@example.org",)
    assert again.session().resumed
    assert shake(asking, without)[0].session().client_certificate is None
    assert shake(plain, wish)[0].session().client_certificate is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("tickets", [True, False])
def test_a_session_does_not_outlive_the_authority_behind_it(
    authority: Authority,
    mail: Certificate,
    tmp_path: Path,
    version: ssl.TLSVersion,
    tickets: bool,
) -> None:
    tls = served([mail], client_ca_file=authority.certificate)
    card = authority.issue("john", client=True)
    wish = client(authority, maximum_version=version)
    if not tickets:  # the server remembers by itself
        wish.options |= ssl.OP_NO_TICKET
    wish.load_cert_chain(card.chain, card.key)
    before = tls.context(client_certificates=True)
    _, theirs = shake(before, wish)

    present = TlsSettings(client_ca_file=Authority(tmp_path, "Present").certificate)
    tls.take(Certificates(present, [pair(mail)]))

    with pytest.raises(ssl.SSLCertVerificationError):
        shake(tls.context(client_certificates=True), wish, session=theirs.session)
    # STARTTLS on a connection that was there before the reload.
    late = shake(before, wish, session=theirs.session)[0].session()
    assert (late.resumed, late.client_certificate) == (True, None)


@pytest.mark.parametrize(("after", "shown"), [(1, False), (-1, True)])
def test_a_certificate_that_expired_since_is_not_resumed(
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    mail: Certificate,
    after: float,
    shown: bool,
) -> None:
    front = served([mail], client_ca_file=authority.certificate).context(client_certificates=True)
    card = authority.issue("john", client=True)
    wish = client(authority)
    wish.load_cert_chain(card.chain, card.key)
    _, theirs = shake(front, wish)

    end = x509.load_pem_x509_certificate(card.chain.read_bytes()).not_valid_after_utc
    monkeypatch.setattr("postroad.net.tls_stream.time", lambda: end.timestamp() + after)
    again = shake(front, wish, session=theirs.session)[0].session()

    assert again.resumed
    assert (again.client_certificate is not None) is shown


def test_a_clients_certificate_of_another_authority_ends_the_handshake(
    authority: Authority, mail: Certificate, tmp_path: Path
) -> None:
    asking = served([mail], client_ca_file=authority.certificate).context(client_certificates=True)
    card = Authority(tmp_path, "Stranger").issue("john", client=True)
    wish = client(authority)
    wish.load_cert_chain(card.chain, card.key)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake(asking, wish)


def broken_key(authority: Authority, how: str) -> KeyPair:
    """A pair whose files are there and cannot be used together."""
    good, other = authority.issue("broken.example"), authority.issue("other.example", kind="rsa")
    if how == "another one's":
        return KeyPair(good.chain, authority.issue("third.example").key)
    if how == "of another kind":
        return KeyPair(good.chain, other.key)
    if how == "a certificate":
        return KeyPair(good.chain, good.chain)
    if how == "short":
        return pair(authority.issue("short.example", kind="short"))
    key = serialization.load_pem_private_key(good.key.read_bytes(), None)
    encrypted = good.key.with_suffix(".encrypted")
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return KeyPair(good.chain, encrypted)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("another one's", "this key does not belong to the certificate"),
        ("of another kind", "this key does not belong to the certificate"),
        ("a certificate", "not a usable PEM private key"),
        ("short", "a key is too weak"),
        ("encrypted", "the key is encrypted; decrypt it with: openssl pkey"),
    ],
)
def test_a_key_that_cannot_be_used(authority: Authority, how: str, words: str) -> None:
    with pytest.raises(TlsConfigurationError, match=words):
        served([broken_key(authority, how)])


def test_authorities_that_are_none(authority: Authority, mail: Certificate, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")

    with pytest.raises(TlsConfigurationError, match="not a PEM file of certificates") as caught:
        served([mail], client_ca_file=tmp_path / "none.pem")
    assert caught.value.file == tmp_path / "none.pem"
