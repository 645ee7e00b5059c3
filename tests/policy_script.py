"""The language of the golden policy scripts, and its reader.

A script is a text anyone can read, in `tests/policy/scripts/`. What it says of the server:

    # words for the reader
    preset mx                   the lists of a preset, else all lists are empty
    relay: permit, reject       a list, with its stage; replaces the preset's
    unlisted no|yes             whether who passes all lists must exist (no, unless it says so)
    delay_reject no             client, helo and sender are asked at their own commands
    class careful: reject_...   a class of restrictions
    set NAME = VALUE            a setting of [policy]
    ours REASON                 Postfix cannot be compared with this script

What it says of the world (`policy_world`), of which indented lines are a part:

    table hash:/senders         a table and its lines; `away` behind it: it cannot be asked
        john@example.org  REJECT
    dns MX example.net = 10 mx.example.net.
    dns A mx.example.net fails
    service inet:127.0.0.1:9    a policy service: what it answers to which attribute; or `away`
        recipient=<x@example.org>  REJECT
        else  DUNNO
    probe <x@example.net> undeliverable WORDS
    greylist 300                seconds for which mail must wait still
    directory down              from here on no question about accounts is answered

What a client says. Answers that are expected follow each question: `rcpt`, `data`, `end_of_data`
and `etrn`; also `client`, `helo` and `mail` where `delay_reject` is off.

    client NAME[ADDRESS]        a new session; everything below is forgotten
    reverse NAME                what the reverse look-up gave, where it is not NAME
    login USER
    tls
    certificate FINGERPRINT
    helo NAME
    mail <SENDER>
    rcpt <RECIPIENT>
           = permit             the decision: permit, or the reply
           ~ REPLY              what Postfix says instead
           | relay     ...      the trace, as `Verdict.explain` shows it
           ! hold: ...          what the log is told
           > hold ...           what becomes of the message
    data                        `data ahead`: its content came with it
    end_of_data
    etrn DOMAIN

`NAME` of a client is `unknown`, or `unsure` where the DNS did not tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path

from policy_world import NETWORKS, SURROUNDINGS, TLS, Service, TableText, World
from postroad.model import Address, Client, ClientCertificate, Login
from postroad.policy import (
    Facts,
    Policy,
    PolicySettings,
    SharedPolicySettings,
    Stage,
    Surroundings,
    Verification,
    VerificationStatus,
    build,
)

SCRIPTS = Path(__file__).parent / "policy" / "scripts"
ANSWER_MARKS = ("=", "~", "|", "!", ">")


@dataclass
class Command:
    """A line of a session: its number in the file, its word, what follows, and the answers."""

    line: int
    word: str
    rest: str
    expected: list[str] = field(default_factory=list)

    @property
    def decision(self) -> str:
        """What is to be decided: `permit`, or the reply."""
        return self.expected[0].removeprefix("= ")

    @property
    def postfix_decision(self) -> str:
        """What Postfix decides."""
        other = [line for line in self.expected if line.startswith("~")]
        return other[0].removeprefix("~ ") if other else self.decision

    @property
    def notes(self) -> list[str]:
        """What Postfix writes into its log too: all but our own warnings."""
        notes = [line.removeprefix("! ") for line in self.expected if line.startswith("! ")]
        return [note for note in notes if not note.startswith("warning: ")]


@dataclass
class Session:
    """A client and what it says."""

    client: Client
    directory_down: bool
    login: Login | None = None
    tls: bool = False
    certificate: str = ""
    commands: list[Command] = field(default_factory=list)

    @property
    def is_encrypted(self) -> bool:
        return self.tls or bool(self.certificate)

    def facts(self) -> Facts:
        """What is known when it has connected."""
        shown = ClientCertificate(
            subject="a client", issuer="an authority", fingerprint=self.certificate
        )
        return Facts(
            self.client,
            trusted=NETWORKS.contains(self.client.address),
            login=self.login,
            tls=replace(TLS, client_certificate=shown if self.certificate else None)
            if self.is_encrypted
            else None,
        )


@dataclass
class Script:
    name: str
    preset: str | None = None
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    delay_reject: bool = True
    reject_unlisted: bool = False
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    ours: str = ""
    world: World = field(default_factory=World)
    sessions: list[Session] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        empty = {} if self.preset else {stage.value: () for stage in Stage}
        lists = PolicySettings(
            **{**empty, **self.lists},
            delay_reject=self.delay_reject,
            reject_unlisted_recipient=self.reject_unlisted,
        )
        return build(self.preset or "mx", lists, self.surroundings)

    @property
    def surroundings(self) -> Surroundings:
        values = {name: _setting(name, text) for name, text in self.settings.items()}
        return replace(SURROUNDINGS, settings=SharedPolicySettings(classes=self.classes, **values))


def _setting(name: str, text: str) -> object:
    if name.endswith("_code"):
        return int(text)
    if name.endswith("_networks"):
        return tuple(ip_network(word) for word in text.split())
    return text


def scripts() -> list[Path]:
    return sorted(SCRIPTS.glob("*.txt"))


# Reading ----------------------------------------------------------------------------------------


def read(path: Path) -> Script:
    return _Reader(path).read()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = Script(path.stem)
        self.down = False
        self.table: TableText | None = None
        self.service: Service | None = None
        self.command: Command | None = None

    def read(self) -> Script:
        for number, raw in enumerate(self.path.read_text("utf-8").splitlines(), 1):
            line = raw.strip()
            if self.table is not None and line and raw[0].isspace():
                self.table.lines.append(raw.removeprefix("    "))
            elif self.service is not None and line and raw[0].isspace():
                self.service.answers.append(_service_answer(line))
            elif line and not line.startswith("#"):
                self.table = self.service = None
                self._take(number, line)
        assert any(s.commands for s in self.script.sessions), f"{self.path.name} asks nothing"
        return self.script

    def _take(self, number: int, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word in ANSWER_MARKS:
            assert self.command is not None, f"{self.path.name}:{number}: what does this answer?"
            self.command.expected.append(line)
        elif word in _WORDS:
            _WORDS[word](self, rest)
        elif word.endswith(":"):
            self.script.lists[word[:-1]] = (rest,) if rest else ()
        elif word == "client":
            self.script.sessions.append(Session(_client(rest), self.down))
            self._command(number, word, rest)
        elif word in ("helo", "mail", "rcpt", "data", "end_of_data", "etrn"):
            self._command(number, word, rest)
        else:
            raise AssertionError(f"{self.path.name}:{number}: what is {word!r}?")

    def _command(self, number: int, word: str, rest: str) -> None:
        self.command = Command(number, word, rest)
        self.script.sessions[-1].commands.append(self.command)

    def preset(self, rest: str) -> None:
        self.script.preset = rest

    def ours(self, rest: str) -> None:
        self.script.ours = rest

    def unlisted(self, rest: str) -> None:
        self.script.reject_unlisted = rest == "yes"

    def delay_reject(self, rest: str) -> None:
        assert rest == "no"
        self.script.delay_reject = False

    def restriction_class(self, rest: str) -> None:
        name, _, texts = rest.partition(":")
        self.script.classes[name] = (texts.strip(),)

    def setting(self, rest: str) -> None:
        name, _, value = rest.partition(" = ")
        self.script.settings[name] = value

    def new_table(self, rest: str) -> None:
        name, _, away = rest.partition(" ")
        self.table = self.script.world.tables[name] = TableText(name, away=away == "away")

    def new_service(self, rest: str) -> None:
        name, _, away = rest.partition(" ")
        self.service = self.script.world.services[name] = Service(away=away == "away")

    def dns(self, rest: str) -> None:
        kind, name, *value = rest.split(maxsplit=3)
        zone, key = self.script.world.zone, (name.lower(), kind)
        if value == ["fails"]:
            zone[key] = None
        else:
            assert value[0] == "=", f"{self.path.name}: {rest}"
            zone[key] = (*(zone.get(key) or ()), value[1])

    def probe(self, rest: str) -> None:
        address, status, *words = rest.split(maxsplit=2)
        self.script.world.probes[address.strip("<>")] = Verification(
            VerificationStatus(status), "".join(words)
        )

    def greylist(self, rest: str) -> None:
        self.script.world.greylisted = float(rest)

    def directory(self, rest: str) -> None:
        assert rest == "down"
        self.down = True

    def reverse(self, rest: str) -> None:
        session = self.script.sessions[-1]
        session.client = replace(
            session.client,
            reverse_name="unknown" if rest == "unsure" else rest,
            reverse_unsure=rest == "unsure",
        )

    def login(self, rest: str) -> None:
        self.script.sessions[-1].login = Login(rest, "PLAIN")

    def tls(self, rest: str) -> None:
        self.script.sessions[-1].tls = True

    def certificate(self, rest: str) -> None:
        self.script.sessions[-1].certificate = rest


_WORDS = {
    "preset": _Reader.preset,
    "ours": _Reader.ours,
    "delay_reject": _Reader.delay_reject,
    "unlisted": _Reader.unlisted,
    "class": _Reader.restriction_class,
    "set": _Reader.setting,
    "table": _Reader.new_table,
    "service": _Reader.new_service,
    "dns": _Reader.dns,
    "probe": _Reader.probe,
    "greylist": _Reader.greylist,
    "directory": _Reader.directory,
    "reverse": _Reader.reverse,
    "login": _Reader.login,
    "tls": _Reader.tls,
    "certificate": _Reader.certificate,
}


def _client(text: str) -> Client:
    name, _, address = text.rstrip("]").partition("[")
    if name == "unsure":
        return Client(address, 40_000, name_unsure=True, reverse_unsure=True)
    return Client(address, 40_000, name, reverse_name=name)


def _service_answer(line: str) -> tuple[str, str, str]:
    asked, _, said = line.partition(" ")
    if asked == "else":
        return "", "", said.strip()
    name, _, value = asked.partition("=")
    return name, value.strip("<>"), said.strip()


def address_of(text: str) -> Address | None:
    inner = text.removeprefix("<").removesuffix(">")
    if not inner:
        return None
    return Address.parse(inner) if "@" in inner else Address(inner, "")
