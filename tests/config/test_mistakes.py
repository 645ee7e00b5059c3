"""What is said of mistakes: each is one line, and all of them are said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from configuration_text import DOOR, HEAD, mistakes

TOO_WIDE = (
    "an open relay: anybody in trusted_networks, which hold too much of the Internet ({}), can "
    "send to any domain: permit_mynetworks: permits it, because the client is in trusted_networks"
)

# One mistake at a time: the text after HEAD and DOOR, and the line that is said of it.
SINGLE = {
    "unknown key": (
        '[relay]\ntrusted_network = ["10.0.0.0/8"]',
        "postroad.toml:5: [relay] trusted_network: unknown key; did you mean trusted_networks?",
    ),
    "unknown table": (
        "[relais]\nx = 1",
        "postroad.toml:4: [relais]: unknown key; did you mean relay?",
    ),
    "nothing near": (
        "[tls]\nflavour = 1",
        "postroad.toml:5: [tls] flavour: unknown key",
    ),
    "a key of the top": (
        "workers = 2",
        "postroad.toml:4: [listeners.mx] workers: this key belongs above the first [table]",
    ),
    "a key of another table": (
        '[delivery]\nsmarthost = "x"',
        "postroad.toml:5: [delivery] smarthost: unknown key; did you mean [relay] smarthost?",
    ),
    "Postfix's word": (
        '[relay]\nmynetworks = ["10.0.0.0/8"]',
        "postroad.toml:5: [relay] mynetworks: unknown key; did you mean trusted_networks?",
    ),
    "unknown key in a policy": (
        '[listeners.mx.policy]\nrelays = ["reject"]',
        "postroad.toml:5: [listeners.mx.policy] relays: unknown key; did you mean relay?",
    ),
    "text for a number": (
        '[limits]\nrecipients = "many"',
        'postroad.toml:5: [limits] recipients: expected a whole number, not "many"',
    ),
    "digits in quotes": (
        '[limits]\nrecipients = "5"',
        'postroad.toml:5: [limits] recipients: expected a whole number, not "5"',
    ),
    "a fraction": (
        "[limits]\nrecipients = 5.5",
        "postroad.toml:5: [limits] recipients: expected a whole number, not 5.5",
    ),
    "a negative number": (
        "[limits]\nrecipients = -5",
        "postroad.toml:5: [limits] recipients: expected a number from 0 to 1_000_000_000, not -5",
    ),
    "a number for true": (
        "[dns]\nreverse = 1",
        "postroad.toml:5: [dns] reverse: expected true or false, not 1",
    ),
    "a number for text": (
        "[log]\nname = 5",
        "postroad.toml:5: [log] name: expected text in quotes, not 5",
    ),
    "a number for a path": (
        "[log]\nfile = 5",
        "postroad.toml:5: [log] file: expected a path in quotes, not 5",
    ),
    "a date for text": (
        "[log]\nname = 2026-01-01",
        'postroad.toml:5: [log] name: expected text in quotes, not "2026-01-01"',
    ),
    "a wrong choice": (
        '[log]\nformat = "jsn"',
        'postroad.toml:5: [log] format: expected one of text, json, not "jsn"; did you mean json?',
    ),
    "a duration": (
        '[queue]\nlifetime = "5 days"',
        (
            "postroad.toml:5: [queue] lifetime: a duration is a number of seconds or text such as "
            '"5d" or "1h30m"'
        ),
    ),
    "an endless duration": (
        "[queue]\nlifetime = inf",
        (
            "postroad.toml:5: [queue] lifetime: a duration is ten years at the most; 0 switches "
            "a limit off"
        ),
    ),
    "durations in the wrong order": (
        "[queue]\nminimal_backoff = 300\nmaximal_backoff = 200",
        "postroad.toml:6: [queue] maximal_backoff: cannot be shorter than minimal_backoff",
    ),
    "text for a list": (
        '[relay]\ntrusted_networks = "10.0.0.0/8"',
        (
            "postroad.toml:5: [relay] trusted_networks: expected a list in brackets, each a "
            "network "
            'such as "192.0.2.0/24" or "2001:db8::/32", not "10.0.0.0/8"'
        ),
    ),
    "no network": (
        '[relay]\ntrusted_networks = [\n "10.0.0.0/8",\n "home" ]',
        (
            "postroad.toml:7: [relay] trusted_networks: expected a network such as "
            '"192.0.2.0/24" or '
            '"2001:db8::/32", not "home"'
        ),
    ),
    "host bits": (
        '[relay]\ntrusted_networks = ["10.1.2.3/8"]',
        (
            "postroad.toml:5: [relay] trusted_networks: expected a network such as "
            '"192.0.2.0/24" or '
            '"2001:db8::/32", not "10.1.2.3/8"; did you mean 10.0.0.0/8?'
        ),
    ),
    "brackets": (
        '[relay]\ntrusted_networks = ["[::1]/128"]',
        (
            "postroad.toml:5: [relay] trusted_networks: expected a network such as "
            '"192.0.2.0/24" or '
            '"2001:db8::/32", not "[::1]/128"; did you mean ::1/128?'
        ),
    ),
    "the whole world": (
        '[relay]\ntrusted_networks = ["0.0.0.0/0"]',
        "postroad.toml:5: [relay] trusted_networks: " + TOO_WIDE.format("0.0.0.0/0"),
    ),
    "the whole world in two halves": (
        '[relay]\ntrusted_networks = ["0.0.0.0/1", "128.0.0.0/1"]',
        "postroad.toml:5: [relay] trusted_networks: " + TOO_WIDE.format("0.0.0.0/0"),
    ),
    "a list that relays for anybody": (
        '[listeners.mx.policy]\nrelay = ["permit"]',
        (
            "postroad.toml:5: [listeners.mx.policy] relay: an open relay: anybody, without a "
            "login, can send to any domain: permit: permits it, because it applies to everything"
        ),
    ),
    "a list that would relay but names what is not": (
        '[listeners.mx.policy]\nrelay = ["permit", "rejct"]',
        (
            "postroad.toml:5: [listeners.mx.policy] relay: rejct: unknown restriction; "
            "did you mean reject?"
        ),
    ),
    "a value for a table": (
        "[listeners]\nsubmission = 5",
        "postroad.toml:5: [listeners] submission: expected a table, not 5",
    ),
    "a list of tables": ("[[tls]]", "postroad.toml:4: tls: expected a table, not a list"),
    "no preset": (
        "[listeners.firewall]",
        (
            "postroad.toml:4: [listeners.firewall]: no preset has this name, so it needs "
            "preset = one "
            "of mx, submission, submissions, lmtp"
        ),
    ),
    "nearly a preset": (
        "[listeners.submision]",
        (
            "postroad.toml:4: [listeners.submision]: no preset has this name, so it needs "
            "preset = one "
            "of mx, submission, submissions, lmtp; did you mean submission?"
        ),
    ),
    "a name with a space": (
        '[listeners."a b"]\npreset = "submission"',
        "postroad.toml:4: [listeners.a b]: expected a name of letters, digits, - and _",
    ),
    "submission without TLS": (
        '[listeners.submission]\ntls = "none"',
        (
            "postroad.toml:5: [listeners.submission] tls: the preset submission needs TLS, for "
            "passwords pass through it"
        ),
    ),
    "logins without TLS": (
        '[listeners.x]\npreset = "mx"\nbind = [":26"]\ntls = "none"\nauth = true',
        (
            "postroad.toml:7: [listeners.x] tls: logins are offered under TLS only, and auth "
            "is true "
            "here"
        ),
    ),
    "an address without a port": (
        '[listeners.submission]\nbind = ["127.0.0.1"]',
        (
            "postroad.toml:5: [listeners.submission] bind: expected an address such as "
            '":25", "192.0.2.1:25", "[2001:db8::1]:25" or "unix:/run/postroad/lmtp", not '
            '"127.0.0.1"'
        ),
    ),
    "a port too high": (
        '[listeners.submission]\nbind = [\n":587",\n":65536"]',
        "postroad.toml:7: [listeners.submission] bind: expected a port from 1 to 65535, not 65536",
    ),
    "a name to bind": (
        '[listeners.submission]\nbind = ["localhost:587"]',
        (
            "postroad.toml:5: [listeners.submission] bind: expected an IP address before the "
            "port, not "
            "localhost"
        ),
    ),
    "the same address twice": (
        '[listeners.submission]\nbind = ["127.0.0.1:25"]',
        (
            "postroad.toml:5: [listeners.submission] bind: 127.0.0.1:25 is taken already by "
            "[listeners.mx]: :25"
        ),
    ),
    "no address": (
        "[listeners.submission]\nbind = []",
        "postroad.toml:5: [listeners.submission] bind: expected at least one address",
    ),
    "an unknown restriction": (
        '[listeners.mx.policy]\nrelay = [\n"permit_mynetwork",\n"reject"]',
        (
            "postroad.toml:6: [listeners.mx.policy] relay: permit_mynetwork: unknown restriction; "
            "did you mean permit_mynetworks?"
        ),
    ),
    "a smarthost's port": (
        '[relay]\nsmarthost = "[smtp.example.net]:smtp"',
        (
            'postroad.toml:5: [relay] smarthost: expected "[host]:port", "[host]", "host:port" or '
            '"host", not "[smtp.example.net]:smtp"'
        ),
    ),
    "a login without a password": (
        '[relay]\nsmarthost = "smtp.example.net"\nusername = "u"',
        (
            "postroad.toml:6: [relay] username: needs password_file, a file that holds the"
            " password, or a section [tokens]"
        ),
    ),
    "a password without a login": (
        '[relay]\nsmarthost = "smtp.example.net"\npassword_file = "p"',
        "postroad.toml:6: [relay] password_file: needs username, the name to log in with",
    ),
    "a login without a smarthost": (
        '[relay]\nusername = "u"\npassword_file = "p"',
        "postroad.toml:5: [relay] username: is for a smarthost, and none is given",
    ),
    "a password in the clear": (
        '[relay]\nsmarthost = "x.example"\nusername = "u"\npassword_file = "p"\ntls = "none"',
        "postroad.toml:8: [relay] tls: a password is not sent without TLS; did you mean verify?",
    ),
    "two minds about TLS": (
        '[relay]\nsmarthost = "x.example"\ntls_wrapper = true\ntls = "none"',
        'postroad.toml:6: [relay] tls_wrapper: is TLS, which tls = "none" forbids',
    ),
    "an MX port": (
        "[delivery]\nmx_port = 0",
        "postroad.toml:5: [delivery] mx_port: expected a number from 1 to 65_535, not 0",
    ),
    "a delivery agent": (
        '[mailbox]\ntransport = "lmtp:/run/lmtp"',
        (
            'postroad.toml:5: [mailbox] transport: expected one of "maildir", "lmtp:unix:/path" or '
            '"lmtp:inet:host:port"'
        ),
    ),
    "one Maildir for all": (
        '[mailbox]\npath = "/var/mail/all"',
        (
            "postroad.toml:5: [mailbox] path: the path needs %u or %n, or all accounts would "
            "share one "
            "Maildir"
        ),
    ),
    "a delimiter": (
        '[directory]\nrecipient_delimiter = "x"',
        (
            "postroad.toml:5: [directory] recipient_delimiter: the delimiter is one or more of the "
            'marks an address may hold, as in "+"'
        ),
    ),
    "a name server's name": (
        '[dns]\nservers = ["192.0.2.1", "ns.example"]',
        (
            'postroad.toml:5: [dns] servers: "ns.example" is no name server: expected an IP '
            'address, perhaps with a port, such as "192.0.2.1", "127.0.0.1:5353" or "[::1]:53"'
        ),
    ),
    "a syslog name": (
        '[log]\nname = "post road"',
        'postroad.toml:5: [log] name: expected one word such as "postroad", not "post road"',
    ),
}


@pytest.mark.parametrize(("text", "said"), SINGLE.values(), ids=SINGLE.keys())
def test_each_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(tmp_path, HEAD + DOOR + text) == [said]


# Files that are wrong from the top.
WHOLE = {
    "a directory of the system": (
        HEAD + 'state_directory = "/var/lib/"\n' + DOOR,
        ["postroad.toml:3: state_directory: /var/lib is a directory of the system; name one below"],
    ),
    "empty": (
        "",
        [
            "postroad.toml: domains: is required",
            "postroad.toml: hostname: is required",
            "postroad.toml: listeners: expected at least one listener, such as [listeners.mx]",
        ],
    ),
    "a misspelt key is not also a missing one": (
        'hostnam = "mail.example.org"\nmydestination = []\n' + DOOR,
        [
            "postroad.toml:1: hostnam: unknown key; did you mean hostname?",
            "postroad.toml:2: mydestination: unknown key; did you mean domains?",
        ],
    ),
    "no host name": (
        'hostname = "localhost"\ndomains = []\n' + DOOR,
        [
            (
                "postroad.toml:1: hostname: expected a fully qualified name such as "
                '"mail.example.org", not "localhost"'
            )
        ],
    ),
    "an address for a host name": (
        'hostname = "192.0.2.1"\ndomains = []\n' + DOOR,
        [
            (
                "postroad.toml:1: hostname: expected a fully qualified name such as "
                '"mail.example.org", not "192.0.2.1"'
            )
        ],
    ),
    "domains": (
        'hostname = "a.example"\ndomains = ["a.example",\n"b c", "A.Example", 5]\n' + DOOR,
        [
            "postroad.toml:3: domains: expected text in quotes, not 5",
        ],
    ),
    "domains of the right kind": (
        'hostname = "a.example"\ndomains = ["a.example", "b\u00fccher.example",\n'
        '"b c", "b\u20ddc.example", "A.Example"]\n' + DOOR,
        [
            'postroad.toml:3: domains: expected a domain such as "example.org", not "b c"',
            (
                'postroad.toml:3: domains: expected a domain such as "example.org", '
                'not "b\u20ddc.example"'
            ),
            "postroad.toml:3: domains: A.Example is listed twice",
        ],
    ),
    "no value": (
        'hostname = "a.example"\ndomains =\n',
        ["postroad.toml:2: expected a value after the equals sign; text needs quotes"],
    ),
    "no quotes": (
        "hostname = mail.example.org\n",
        ["postroad.toml:1: expected a value after the equals sign; text needs quotes"],
    ),
    "twice": (
        HEAD + 'hostname = "b.example"\n',
        ["postroad.toml:3: this key was given before"],
    ),
    "an open bracket": (
        "\n[relay\n",
        ["postroad.toml:2: not TOML: expected ']' at the end of a table declaration"],
    ),
    "deep": ("a = " + "[" * 100_000, ["postroad.toml:1: this is nested too deeply"]),
}


@pytest.mark.parametrize(("text", "said"), WHOLE.values(), ids=WHOLE.keys())
def test_files_that_are_wrong_as_a_whole(tmp_path: Path, text: str, said: list[str]) -> None:
    assert mistakes(tmp_path, text) == said


def test_every_mistake_is_named_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = "hostname = 5\n" + DOOR + "[tsl]\n[queue]\nlifetime = -1\nconcurrency = -1\n"
    said = mistakes(tmp_path, text + "[dns]\nreverse = 1\n[log]\nfile = 5")
    assert [line.split(": ")[:2] for line in said] == [
        ["postroad.toml", "domains"],
        ["postroad.toml:1", "hostname"],
        ["postroad.toml:3", "[tsl]"],
        ["postroad.toml:5", "[queue] lifetime"],
        ["postroad.toml:6", "[queue] concurrency"],
        ["postroad.toml:8", "[dns] reverse"],
        ["postroad.toml:10", "[log] file"],
    ]


EVIL = "a\\nb\\u001b[2J\\u0085\\u2028\\u202e" + "x" * 5000
"""As TOML writes it."""


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("mail.example.org", EVIL) + DOOR,
        HEAD.replace('["example.org"]', f'["{EVIL}"]') + DOOR,
        HEAD + DOOR + f'[log]\nname = "{EVIL}"',
        HEAD + DOOR + f'[log]\nformat = "{EVIL}"',
        HEAD + DOOR + f'bind = ["{EVIL}"]',
        HEAD + DOOR + f'bind = ["unix:{EVIL}"]',
        HEAD + DOOR + f'discard_ehlo_keywords = ["{EVIL}"]',
        HEAD + DOOR + f'policy.client = ["{EVIL}"]',
        HEAD + DOOR + f'[relay]\nsmarthost = "{EVIL}"',
        HEAD + DOOR + f'[oauth]\nkey_set = "{EVIL}"',
        HEAD + DOOR + f'[dns]\nservers = ["{EVIL}"]',
        HEAD + DOOR + f'[login.act_as]\n"{EVIL}" = ["{EVIL}"]',
        HEAD + DOOR + f'[etrn."{EVIL}"]',
        HEAD + f'[listeners."{EVIL}"]',
        HEAD + DOOR + f'"{EVIL}" = 1',
        HEAD + DOOR + f'[mailbox]\ntransport = "lmtp:{EVIL}"',
        HEAD + DOOR + f'[mailbox]\npath = "%{EVIL}"',
    ],
    ids=str.__len__,
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str) -> None:
    found = mistakes(tmp_path, text)
    assert found
    for line in found:
        assert line.isprintable()
        assert len(line) <= 1000


def test_a_value_is_repeated_as_the_file_writes_it(tmp_path: Path) -> None:
    text = HEAD.replace("mail.example.org", 'a\\nb\\"é\\u2028') + DOOR
    assert mistakes(tmp_path, text) == [
        (
            "postroad.toml:1: hostname: expected a fully qualified name such as "
            '"mail.example.org", not "a\\nb\\"é\\u2028"'
        )
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[outbound_tls]\nca_file = "a\\u0000b"\n', "[outbound_tls] ca_file"),
        ('[relay]\nusername = "u"\npassword_file = "\\u0000"\n', "[relay] password_file"),
        ('[listeners.lmtp]\nunix_owner = "\\u0000"\n', "[listeners.lmtp] unix_owner"),
        ('[listeners.lmtp]\nbind = ["unix:/x\\u0000"]\n', "[listeners.lmtp] bind"),
        ('[login]\nsend_as = { x = ["\\u0000"] }\n', "[login.send_as] x"),
    ],
)
def test_no_text_holds_a_null_character(tmp_path: Path, text: str, said: str) -> None:
    """A C library would end the text there, or refuse it with an exception of its own."""
    found = mistakes(tmp_path, f"{HEAD}{DOOR}{text}", examine_files=True)
    assert [line.split(" ", 1)[1] for line in found if said in line] == [
        f"{said}: expected text without null characters"
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("[listeners.mx]", "[listeners.mx] was given before"),
        ('[directories."a b"]\n[directories."a b"]', '[directories."a b"] was given before'),
        ("[dns]\n[dns]", "[dns] was given before"),
    ],
)
def test_a_table_that_comes_twice(tmp_path: Path, header: str, said: str) -> None:
    text = f"{HEAD}{DOOR}{header}\n"
    assert mistakes(tmp_path, text) == [f"postroad.toml:{text.count(chr(10))}: {said}"]
