"""From a plan to a folder that `postroad serve` starts from, proved before anybody relies on it.

What is written is loaded again by the same code that the server loads it with, which includes the
relay proof. Where a translated setting turns out not to fit (a certificate that is not there, a
list by which strangers could relay), it is taken back, its finding is made worse with the very
words of the loader, and the file is written again: the result always starts, and the report says
what it starts without. What would be lost by it is said; what would be open by it is closed, since
a list that is taken back is the preset's.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import KeyPath, Plan
from postroad.adopt.toml import configuration_text
from postroad.config import Configuration, ConfigurationError, load
from postroad.config.installation import (
    FILE_NAME,
    InstallationMistake,
    OccupiedDirectory,
    generated_password,
)
from postroad.config.lines import locate
from postroad.config.mistake import Mistake
from postroad.config.ownership import acting_as, owner_of
from postroad.config.relaying import proved
from postroad.config.sendmail import lay_drop
from postroad.directory import DirectoryEditor
from postroad.directory.embedded.mistake import DirectoryMistake, UnknownTarget
from postroad.directory.passwords.password import OWASP, hash_password
from postroad.net.selfsigned import write_self_signed

__all__ = ["AdoptionMistake", "Written", "require_empty", "write"]

_NEEDED = frozenset({("hostname",), ("domains",)})
"""Without these there is no configuration."""

ROUNDS = 40
"""How often settings are taken back before it is given up; each round takes one or more."""

HEADING = """\
Postroad's configuration, made by `postroad adopt`.
A comment above a key names the line of the old configuration that it comes from.
What became of every other line is in adopt-report.txt beside this file."""


class AdoptionMistake(InstallationMistake):
    """The new folder cannot be made. The text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Written:
    """A new installation.

    Attributes:
        file: its configuration.
        configuration: the same, as it was loaded.
        proof: the relay proof, in words.
    """

    file: Path
    configuration: Configuration
    proof: str


def require_empty(directory: Path) -> None:
    """Refuse a folder in which there is something.

    Raises:
        OccupiedDirectory: there is, or it is no folder.
    """
    if not os.path.lexists(directory):
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise OccupiedDirectory(
            f"{directory} exists already and is not an empty directory; nothing was changed"
        )


def write(plan: Plan, state: Path, user: pwd.struct_passwd | None = None) -> Written:
    """Make the folder of a plan. Its findings may become worse meanwhile.

    Args:
        plan: what the installation is to be; its `directory` is made.
        state: the new state directory; not there yet, or empty.
        user: whom the state is for and who may read the folder, when root makes both.

    Raises:
        AdoptionMistake: a folder is in use, or no configuration can be made of the plan.
        OSError: a file cannot be written.
    """
    require_empty(plan.directory)
    require_empty(state)
    plan.set(("state_directory",), str(state))
    plan.directory.mkdir(parents=True, exist_ok=True)
    plan.directory.chmod(0o750 if user else 0o700)
    _give(plan.directory, user)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        os.chown(state, user.pw_uid, user.pw_gid)
    try:
        _write_files(plan, user)
        _certify(plan, state)
        configuration = _settled(plan, user)
        with acting_as(owner_of(state)):
            _fill(plan, configuration)
        configuration = _settled(plan, user)
        with acting_as(owner_of(state)):
            lay_drop(configuration)  # a unit that forbids set-group-ID could not make it whole
    except BaseException:
        # Both were empty or not there before, and half an installation is worth nothing.
        shutil.rmtree(state, ignore_errors=True)
        shutil.rmtree(plan.directory, ignore_errors=True)
        raise
    return Written(plan.directory / FILE_NAME, configuration, proved(configuration))


def _write_files(plan: Plan, user: pwd.struct_passwd | None) -> None:
    for planned in plan.files.values():
        path = plan.directory / planned.name
        for parent in reversed(path.relative_to(plan.directory).parents):
            (plan.directory / parent).mkdir(mode=0o755, exist_ok=True)
        # A secret is the server's own: nobody else may read it, and it must be able to.
        mode = 0o600 if planned.secret else 0o644
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(planned.content)
            os.fchmod(handle, mode)
            if user is not None and planned.secret:
                os.fchown(handle, user.pw_uid, user.pw_gid)


def _certify(plan: Plan, state: Path) -> None:
    """A certificate of our own where none is taken over: mail needs one from the first hour."""
    hostname = plan.get(("hostname",))
    tls = state / "tls"
    with acting_as(owner_of(state)):
        write_self_signed((str(hostname),), tls / "certificate.pem", tls / "key.pem")


def _settled(plan: Plan, user: pwd.struct_passwd | None) -> Configuration:
    """Write and load until nothing is wrong, taking back what does not fit."""
    file = plan.directory / FILE_NAME
    for _ in range(ROUNDS):
        text = configuration_text(plan.settings, HEADING)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o640 if user else 0o600)
        _give(file, user)
        try:
            return load(file)
        except ConfigurationError as error:
            if not _taken_back(plan, text, error):
                reasons = "; ".join(map(_reason, error.mistakes))
                raise AdoptionMistake(f"nothing can be made of this: {reasons}") from None
    raise AdoptionMistake("no configuration can be made of this: too many settings do not fit")


def _taken_back(plan: Plan, text: str, error: ConfigurationError) -> bool:
    """Take back the settings that mistakes stand at; whether there were any."""
    places = _places(plan, text)
    progress = False
    for mistake in error.mistakes:
        place = places.get(mistake.line or 0, ())
        # A mistake at a table's header is about all of the table.
        for path in [each for each in plan.settings if place and each[: len(place)] == place]:
            if path in _NEEDED:
                continue
            progress = True
            _take_back(plan, path, place, mistake)
    return progress


def _take_back(plan: Plan, path: KeyPath, place: KeyPath, mistake: Mistake) -> None:
    setting = plan.drop(path)
    key = ".".join(part for part in place if part)
    words = f"not taken over, since Postroad would not start with it: {_reason(mistake)}"
    origin = setting.finding if setting else None
    if origin is None:
        file = plan.directory / FILE_NAME
        origin = Finding(file, None, key, "", Verdict.UNSUPPORTED, "")
    plan.worsen(origin, words, f"set `{key}` in {FILE_NAME} when that is right")


def _reason(mistake: Mistake) -> str:
    hint = f"; did you mean {mistake.suggestion}?" if mistake.suggestion else ""
    return f"{mistake.key}: {mistake.message}{hint}"


def _places(plan: Plan, text: str) -> Mapping[int, KeyPath]:
    """The key or table that each line belongs to; a line of a list belongs to the list's."""
    places: dict[int, KeyPath] = {}
    for found, line in locate(text).items():
        path = tuple(str(part) for part in found)
        while path and not any(each[: len(path)] == path for each in plan.settings):
            path = path[:-1]
        if path:
            places.setdefault(line, path)
    return places


def _fill(plan: Plan, configuration: Configuration) -> None:
    """Make the embedded directory, and put accounts and aliases into it.

    It is there without any, too: `postroad explain` asks it before the server was ever started.
    """
    with DirectoryEditor.open(
        configuration.directory_file,
        domains=configuration.domains,
        delimiters=configuration.directory.recipient_delimiter,
        default_scheme=configuration.directory.default_scheme,
    ) as editor:
        _add_accounts(plan, editor)
        _add_aliases(plan, editor)


def _add_accounts(plan: Plan, editor: DirectoryEditor) -> None:
    for account in plan.accounts.values():
        try:
            editor.add_user_with_hash(account.name, account.password or _nobodys_password())
            if not account.enabled:
                editor.set_enabled(account.name, enabled=False)
        except DirectoryMistake as mistake:
            _refused(plan, f"account {account.name}", str(mistake))


def _nobodys_password() -> str:
    """The hash of a password that nobody has been told: `postroad user password` sets one."""
    return hash_password(generated_password(), OWASP)


def _add_aliases(plan: Plan, editor: DirectoryEditor) -> None:
    """Those whose targets are aliases too come after them, in whatever order they were planned."""
    waiting = list(plan.aliases.values())
    while waiting:
        later = []
        reasons: dict[str, str] = {}
        for alias in waiting:
            try:
                editor.add_alias(alias.source, alias.targets)
            except UnknownTarget as mistake:
                later.append(alias)
                reasons[alias.source] = str(mistake)
            except DirectoryMistake as mistake:
                _refused(plan, f"alias {alias.source}", str(mistake))
        if len(later) == len(waiting):
            for alias in later:
                _refused(plan, f"alias {alias.source}", reasons[alias.source])
            return
        waiting = later


def _refused(plan: Plan, what: str, words: str) -> None:
    plan.find(
        Finding(
            plan.directory / "directory.db",
            None,
            what,
            "",
            Verdict.UNSUPPORTED,
            f"not taken over: {words}",
            "add it by hand: postroad user add, postroad alias add",
        )
    )


def _give(path: Path, user: pwd.struct_passwd | None) -> None:
    if user is not None:
        os.chown(path, -1, user.pw_gid, follow_symlinks=False)
