"""Real PAM, by service files in a folder of the test; nothing of the system's is changed."""

from __future__ import annotations

import contextlib
import errno
import json
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from peers import needs
from postroad.directory import DirectoryUnavailable, Place
from postroad.directory.backend import Account
from postroad.directory.pam import helper as pam_helper
from postroad.directory.pam.backend import PamBackend
from postroad.directory.pam.settings import PamSettings

NOBODY = pwd.getpwnam("nobody")
NAME = "nobody@example.org"

Open = Callable[..., PamBackend]


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


ANSWERING = program(
    "import sys, json\n"
    "for line in sys.stdin:\n"
    "    number, what, *words = json.loads(line)\n"
    "    user = [65534, 65534, '/home/x', words[0]]\n"
    "    print(json.dumps([number, user if what == 'user' else [True, '']]), flush=True)\n"
)


def saying(answer: object) -> tuple[str, ...]:
    """A helper with this answer to its first question."""
    return program(f"input(); print({json.dumps([1, answer])!r}, flush=True); input()")


PRINTING = """\
#include <string.h>
#include <unistd.h>
int pam_get_authtok(void *, int, const char **, const char *);
int pam_sm_authenticate(void *handle, int flags, int count, const char **words) {
    const char *password = "";
    pam_get_authtok(handle, 6, &password, "Password: ");
    if (write(1, words[0], strlen(words[0])) < 0 || (count > 1 && write(1, "\\n", 1) < 0)) return 4;
    if (!strcmp(words[0], "wait")) sleep(1000);
    return strcmp(password, "right") ? 7 : 0;
}
int pam_sm_setcred(void *handle, int flags, int count, const char **words) { return 0; }
"""
"""A module that says its first word on standard output, as many do by printf; with a second one, as
a line."""


@pytest.fixture
async def opened(tmp_path: Path):
    backends: list[PamBackend] = []

    def opening(
        service: str = "",
        *,
        command: tuple[str, ...] | None = None,
        limit: float = 30.0,
        **settings: object,
    ) -> PamBackend:
        (tmp_path / "test").write_text(service)
        known = {"minimum_uid": 1, "service": "test", "service_directory": tmp_path}
        commands = {} if command is None else {"command": command}
        backends.append(
            PamBackend(
                PamSettings(**{**known, **settings}),
                domains=["example.net"],
                default_domain="example.org",
                helpers=1,
                time_limit=limit,
                **commands,
            )
        )
        return backends[-1]

    yield opening
    for backend in backends:
        await backend.close()


RULES = {
    "permit": "auth required pam_permit.so\naccount required pam_permit.so\n",
    "deny": "auth required pam_deny.so\naccount required pam_permit.so\n",
    "no account": "auth required pam_permit.so\naccount required pam_deny.so\n",
    "no module": "auth required pam_no_such_module.so\naccount required pam_permit.so\n",
}


@pytest.mark.peer
@pytest.mark.parametrize(
    ("rules", "right"),
    [("permit", True), ("deny", False), ("no account", False)],
)
async def test_what_pam_says(opened: Open, rules: str, right: bool) -> None:
    assert await opened(RULES[rules]).check(NAME, "summersun") is right


@pytest.mark.peer
async def test_the_password_reaches_the_modules(opened: Open, tmp_path: Path) -> None:
    needs.program("/bin/sh")
    script = tmp_path / "check"
    script.write_text('#!/bin/sh\nread -r p\n[ "$PAM_USER:$p" = "nobody:summer sün" ]\n')
    script.chmod(0o755)
    backend = opened(
        f"auth required pam_exec.so expose_authtok quiet {script}\naccount required pam_permit.so\n"
    )
    assert await backend.check(NAME, "summer sün") is True
    with pytest.raises(DirectoryUnavailable, match="System error"):  # as pam_exec calls it
        await backend.check(NAME, "winter")


@pytest.mark.peer
@pytest.mark.parametrize("rules", ["no module"])
async def test_what_pam_cannot_say_is_no_wrong_password(opened: Open, rules: str) -> None:
    with pytest.raises(DirectoryUnavailable, match="PAM service test: "):
        await opened(RULES[rules]).check(NAME, "summersun")


async def account_at_last(backend: PamBackend) -> Account | None:
    """What a helper says that begins, on a busy machine, within a limit made for hanging."""
    for _ in range(20):
        with contextlib.suppress(DirectoryUnavailable):
            return await backend.account(NAME)
    raise AssertionError("no helper answers")


@pytest.mark.peer
async def test_a_module_that_hangs_is_ended(opened: Open) -> None:
    backend = opened(
        "auth required pam_exec.so quiet /bin/sleep 1000\naccount required pam_permit.so\n",
        limit=5.0,
    )
    with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
        await backend.check(NAME, "summersun")
    assert await account_at_last(backend) == Account(NAME)  # by another helper


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module for PAM, compiled."""
    folder = tmp_path_factory.mktemp("module")
    (folder / "printing.c").write_text(PRINTING)
    needs.program("cc")
    command = ["cc", "-shared", "-fPIC", "-o", "printing.so", "printing.c", "-l:libpam.so.0"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "printing.so"


@pytest.mark.peer
@pytest.mark.parametrize("words", ["hello line", "hello", r'[[2,[true,""\]\]] line'])
async def test_what_a_module_prints_is_no_answer(opened: Open, printing: Path, words: str) -> None:
    backend = opened(f"auth required {printing} {words}\naccount required pam_permit.so\n")
    asked = [("nobody", "right"), ("daemon", "wrong"), ("daemon", "right"), ("mail", "wrong")]
    for user, password in asked:
        found = await backend.check(f"{user}@example.org", password)
        assert found is (password == "right")
    assert await backend.account(NAME) == Account(NAME)


@pytest.mark.peer
async def test_a_module_that_prints_and_hangs_is_ended(opened: Open, printing: Path) -> None:
    rules = f"auth required {printing} wait\naccount required pam_permit.so\n"
    backend = opened(rules, limit=5.0)
    with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
        await backend.check(NAME, "right")
    assert await account_at_last(backend) == Account(NAME)


async def test_users_of_the_system_are_accounts(opened: Open) -> None:
    backend = opened(use_homes=True)
    place = Place(home=NOBODY.pw_dir, uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    assert await backend.account(NAME) == Account(NAME, place=place)
    for other in (
        "root@example.org",
        "nosuchuser@example.org",
        "nobody@example.net",
        "65534@example.org",
        f"{'x' * 300}@example.org",
    ):
        assert await backend.account(other) is None


@pytest.mark.parametrize(
    ("asked", "answer", "known"),
    [
        ("john@example.org", [1001, 1001, "/home/john", "john"], True),
        ("john@example.org", [1001, 1001, "/home/john", "john@ad.test"], True),
        ("j\u00f6hn@example.org", [1001, 1001, "/home/john", "john"], False),
        ('"john@ad.test"@example.org', [1001, 1001, "/home/john", "john"], False),
        ("j\u00f6hn@example.org", [1001, 1001, "/home/john", "j\u00f6hn"], True),
        ("john@example.org", [], False),
    ],
)
async def test_another_spelling_of_a_users_name_is_no_account(
    opened: Open, asked: str, answer: list[object], known: bool
) -> None:
    account = await opened(command=saying(answer)).account(asked)
    assert (account is not None) is known


@pytest.mark.parametrize(
    "answer", [None, True, [True, ""], [None] * 4, [1001, 1001, None, "john"], {}, "john"]
)
async def test_only_an_empty_list_says_that_there_is_no_such_user(
    opened: Open, answer: object
) -> None:
    """A list of users that is away makes nobody unknown."""
    with pytest.raises(DirectoryUnavailable, match="the system "):
        await opened(command=saying(answer)).account("john@example.org")


class FakeLibrary:
    """Answers getpwnam_r(3) with one code, and finds nobody."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def getpwnam_r(self, *_: object) -> int:
        return self.codes.pop(0)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((0,), []),
        ((errno.EAGAIN,), None),
        ((errno.EIO,), None),
        ((errno.ERANGE, 0), []),
        ((errno.ERANGE,) * 3, None),
    ],
)
def test_nobody_and_not_now_are_two_answers(
    monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], expected: object
) -> None:
    monkeypatch.setattr(pam_helper, "_accounts", lambda: FakeLibrary(*codes))
    assert pam_helper._user("john") == expected


async def test_services_are_no_accounts(opened: Open) -> None:
    assert await opened(minimum_uid=NOBODY.pw_uid + 1).account(NAME) is None


@pytest.mark.parametrize(
    ("login", "expected"),
    [("nobody", NAME), ("NOBODY", NAME), (NAME, NAME), ("a@example.net", None), ("../x", None)],
)
async def test_what_a_login_name_means(opened: Open, login: str, expected: str | None) -> None:
    assert await opened(command=ANSWERING).named(login) == expected


async def test_domains_and_aliases(opened: Open) -> None:
    backend = opened(command=ANSWERING)
    assert await backend.has_domain("example.org")
    assert await backend.has_domain("example.net")
    assert not await backend.has_domain("elsewhere.test")
    assert await backend.alias(NAME) is None


@pytest.mark.parametrize(
    "text",
    ["raise SystemExit(1)", "import time; time.sleep(1000)", "print('', end='x', flush=True)"],
)
async def test_a_helper_that_misbehaves_says_nothing_of_anybody(opened: Open, text: str) -> None:
    backend = opened(command=program(text), limit=0.5)
    for question in (backend.account, lambda name: backend.check(name, "x")):
        with pytest.raises(DirectoryUnavailable):
            await question(NAME)


async def test_a_helper_cannot_be_started(opened: Open) -> None:
    with pytest.raises(DirectoryUnavailable, match="cannot be started"):
        await opened(command=("/no/such/program",)).account(NAME)


def seen_by_all(process: int) -> bytes:
    folder = Path(f"/proc/{process}")
    return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()


async def test_no_password_is_in_the_words_of_a_process(opened: Open) -> None:
    backend = opened(command=ANSWERING)
    assert await backend.check(NAME, "summersun") is True
    helper = backend._helpers[0]._process
    assert helper is not None
    assert b"summersun" not in seen_by_all(helper.pid)
