"""`[policy]` and the lists of listeners: each mistake is one line, where it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.surroundings import surroundings_of

HEAD = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
[listeners.mx.policy]
"""

MISTAKES = {
    "a class with an unknown name": (
        'sender = ["careful"]\n[policy.classes]\ncareful = [\n  "permit",\n  "rejekt",\n]',
        ["10: [policy.classes] careful: rejekt: unknown restriction; did you mean reject?"],
    ),
    "a class within a class": (
        'sender = ["outer"]\n[policy.classes]\nouter = ["inner"]\ninner = ["quack"]',
        ["9: [policy.classes] inner: quack: unknown restriction"],
    ),
    "a class that nobody names": (
        '[policy.classes]\ncareful = ["quack"]',
        ["7: [policy.classes] careful: quack: unknown restriction"],
    ),
    "a class in the wrong list": (
        (
            'data = ["reject_unauth_pipelining", "careful"]\n[policy.classes]\n'
            'careful = ["reject_unlisted_recipient"]'
        ),
        [
            (
                "6: [listeners.mx.policy] data: careful: reject_unlisted_recipient: "
                "can only apply in client, helo, sender, relay, recipient"
            )
        ],
    ),
    "a class that names itself": (
        'sender = ["round"]\n[policy.classes]\nround = ["about"]\nabout = ["round"]',
        [
            "8: [policy.classes] round: about: the class leads back to itself",
            "9: [policy.classes] about: round: the class leads back to itself",
        ],
    ),
    "classes that have no end": (
        "[policy.classes]\n"
        + "".join(f'c{n} = ["c{n + 1}, c{n + 1}, c{n + 1}"]\n' for n in range(10))
        + 'c10 = ["permit"]',
        None,
    ),
    "a class by the name of a restriction": (
        '[policy.classes]\nReject = ["permit"]\nwarn_if_reject = ["permit"]',
        [
            "7: [policy.classes] Reject: is the name of a restriction already",
            "8: [policy.classes] warn_if_reject: is the name of a restriction already",
        ],
    ),
    "a class whose name is none": (
        '[policy.classes]\n"a b" = ["permit"]',
        ['7: [policy.classes] a b: expected a name of letters, digits, - and _, not "a b"'],
    ),
    "two classes of one name": (
        '[policy.classes]\ncareful = ["permit"]\nCareful = ["reject"]',
        ["8: [policy.classes] Careful: is there twice: upper and lower case are the same"],
    ),
    "codes that refuse nothing": (
        "[policy]\nunknown_client_reject_code = 250\nunverified_sender_reject_code = 600",
        [
            "7: [policy] unknown_client_reject_code: expected a number from 400 to 599, not 250",
            "8: [policy] unverified_sender_reject_code: expected a number from 400 to 599, not 600",
        ],
    ),
    "a reply with an unknown name": (
        '[policy]\ndefault_rbl_reply = "$rbl_code $rbl_cause"',
        ["7: [policy] default_rbl_reply: there is no $rbl_cause; did you mean $rbl_class?"],
    ),
    "a reply that is not closed": (
        '[policy]\ndefault_rbl_reply = "$rbl_code ${rbl_reason?"',
        ["7: [policy] default_rbl_reply: a { is not closed"],
    ),
    "a reply without a code": (
        '[policy]\ndefault_rbl_reply = "Go away, $rbl_what"',
        [
            (
                "7: [policy] default_rbl_reply: expected a reply: $rbl_code, or a code from 400"
                " to 599,"
                " and words"
            )
        ],
    ),
    "a table without a type": (
        'sender = [\n  "reject_unlisted_sender",\n  "check_sender_access /etc/senders",\n]',
        [
            (
                '8: [listeners.mx.policy] sender: check_sender_access: "/etc/senders" is no'
                " table, such"
                " as hash:/etc/postroad/access; expected a table, such as hash:/etc/postroad/access"
            )
        ],
    ),
    "a service that is none": (
        'recipient = ["check_policy_service inet:10023"]',
        [
            (
                '6: [listeners.mx.policy] recipient: check_policy_service: "inet:10023" is no'
                " policy"
                " service: expected inet:HOST:PORT or unix:/PATH"
            )
        ],
    ),
    "a filter that is none": (
        'client = ["reject_rbl_client zen.example=127.0.0.[2..300]"]',
        [
            (
                '6: [listeners.mx.policy] client: reject_rbl_client: "[2..300]" is not a number'
                " from 0"
                " to 255, nor a list of such; expected the domain of a DNS list, such as"
                " zen.example or"
                " zen.example=127.0.0.[2..11]"
            )
        ],
    ),
    "a sleep without an end": (
        'client = ["sleep 3600"]',
        ['6: [listeners.mx.policy] client: sleep: expected seconds from 1 to 300, not "3600"'],
    ),
    "an argument that is missing": (
        'client = ["check_client_access"]',
        [
            (
                "6: [listeners.mx.policy] client: check_client_access: expected behind it: a table,"
                " such as hash:/etc/postroad/access"
            )
        ],
    ),
    "a table where its restriction is missing": (
        'recipient = ["hash:/etc/postroad/recipients"]',
        [
            (
                "6: [listeners.mx.policy] recipient: hash:/etc/postroad/recipients: write which"
                " access"
                " to check before it: check_recipient_access"
            )
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(tmp_path: Path, name: str) -> None:
    text, said = MISTAKES[name]
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=False)
    found = [str(mistake).removeprefix(f"{file}:") for mistake in caught.value.mistakes]
    assert found == said if said is not None else "more than 1_000 restrictions" in found[0]


GOOD = """\
client = ["warn_if_reject reject_rbl_client zen.example=127.0.0.[2..11]"]
recipient = ["check_policy_service { inet:127.0.0.1:10023, timeout=10s, default_action=DUNNO }"]
etrn = ["check_etrn_access inline:{example.net=OK}", "reject"]
delay_reject = false
[policy]
unknown_address_reject_code = 550
default_rbl_reply = "$rbl_code 5.7.1 ${rbl_reason?{$rbl_reason}:{no reason}} $$"
[policy.classes]
careful = ["reject_unknown_helo_hostname, reject_unknown_sender_domain"]
at_etrn = ["check_etrn_access static:OK"]
"""


def test_what_is_good(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + GOOD)
    configuration = load(file, examine_files=False)
    surroundings = surroundings_of(configuration)
    assert surroundings.hostname == "mail.example.org"
    assert surroundings.settings.unknown_address_reject_code == 550
    assert list(surroundings.settings.classes) == ["careful", "at_etrn"]
    assert surroundings.is_own("127.0.0.1")
    assert not surroundings.is_own("192.0.2.1")
