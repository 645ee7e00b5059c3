"""`postroad check`: every mistake at once, and what else an operator should know before serving."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import configuration_file
from postroad.cli.listing import print_json
from postroad.cli.options import Json

if TYPE_CHECKING:
    from postroad.config import Configuration, ConfigurationError
    from postroad.config.examination import Finding
    from postroad.config.reach import Account

__all__ = ["check"]


def check(
    context: typer.Context,
    *,
    show_policy: Annotated[
        bool, typer.Option("--show-policy", help="Show the lists in force, and what they do.")
    ] = False,
    json: Json = False,
) -> int:
    """Check the configuration, its files, and that nobody else relays."""
    from postroad.cli import policy_shown
    from postroad.config import ConfigurationError, load
    from postroad.config.examination import Verdict
    from postroad.config.mistake import one_line

    file = configuration_file(context)
    try:
        configuration = load(file)
    except ConfigurationError as error:
        _show_mistakes(error, json=json)
        return os.EX_CONFIG
    findings = _findings(file, configuration)
    if json:
        shown = [_as_json(finding) for finding in findings]
        more = {"policy": policy_shown.as_json(configuration)} if show_policy else {}
        print_json({"mistakes": [], "findings": shown, **more})
    else:
        for finding in findings:
            print(one_line(f"{finding.verdict.value:<8} {finding.subject}: {finding.message}"))
        for line in policy_shown.in_words(configuration) if show_policy else ():
            print(line)
    wrong = any(finding.verdict is Verdict.ERROR for finding in findings)
    return os.EX_CONFIG if wrong else os.EX_OK


def _findings(file: Path, configuration: Configuration) -> list[Finding]:
    from datetime import UTC, datetime

    from postroad.app.directory_trial import aliases_of_nobody, directory_objections
    from postroad.app.privileges import PrivilegeError
    from postroad.config.examination import Finding, Verdict, examine
    from postroad.config.relaying import proved

    findings = [Finding("configuration", Verdict.OK, f"{file} has no mistake")]
    account = None
    try:
        account = _future_account(configuration.user)
    except PrivilegeError as error:
        findings.append(Finding("user", Verdict.ERROR, str(error)))  # `serve` stops at it
    findings += examine(file, configuration, datetime.now(UTC), account)
    for name, words, waits in directory_objections(configuration):
        subject = f"directory {name}".rstrip()
        if waits:
            findings.append(Finding(subject, Verdict.ERROR, f"{words}; mail for it waits"))
        elif words not in (finding.message for finding in findings):  # as of accounts in files
            findings.append(Finding(subject, Verdict.WARNING, words))
    for name, meant in aliases_of_nobody(configuration):
        words = f"stands for {meant}, a domain that nobody here has: all mail for it is refused"
        findings.append(Finding(f"domain {name}", Verdict.WARNING, words))
    # `load` has run the proof: a configuration that relays for strangers never gets here.
    findings.append(Finding("relay", Verdict.OK, proved(configuration)))
    return findings


def _future_account(configured: str) -> Account | None:
    """The server's user when whoever runs this starts it, unless that is root."""
    from postroad.app.privileges import unprivileged_user
    from postroad.config.reach import Account

    user = unprivileged_user(configured)
    if user is not None:
        groups = frozenset(os.getgrouplist(user.pw_name, user.pw_gid))
        return Account(user.pw_name, user.pw_uid, groups)
    if os.geteuid() == 0:
        return None
    groups = frozenset((os.getegid(), *os.getgroups()))
    return Account(str(os.geteuid()), os.geteuid(), groups, after_root=False)


def _show_mistakes(error: ConfigurationError, *, json: bool) -> None:
    if not json:
        print(error)
        return
    mistakes = [
        {
            "file": str(mistake.file),
            "line": mistake.line,
            "key": mistake.key,
            "message": mistake.message,
            "suggestion": mistake.suggestion,
        }
        for mistake in error.mistakes
    ]
    print_json({"mistakes": mistakes, "findings": []})


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "subject": finding.subject,
        "verdict": finding.verdict.value,
        "message": finding.message,
    }
