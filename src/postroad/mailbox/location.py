"""From an account's name to the folder its mail lies in.

The name reaches this module from outside the server, and so does what a directory says of an
account's home and mail. Both become parts of paths here (`variables` checks names), and what a
directory says must lie below the roots that the operator allows: an entry of a directory cannot
have mail written anywhere else. Nothing is read from the disk here; links on the way are looked at
by `Whereabouts.confine`, in the thread that writes.

The forms are those of Dovecot's `mail_location`: `maildir:PATH`, or the path alone, with `~/` for
the home, and the options `INBOX=`, `CONTROL=`, `LAYOUT=fs` and `UTF-8`; those about indexes are
Dovecot's own business.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from postroad.mailbox.variables import UnsafeName, fill, used

__all__ = [
    "DEFAULT_TEMPLATE",
    "MaildirLocation",
    "UnsafeName",
    "Whereabouts",
    "above_accounts",
    "check_template",
]

DEFAULT_TEMPLATE = "mail/%d/%n/Maildir"

_OTHER_FORMATS = ("mbox:", "sdbox:", "mdbox:", "dbox:", "imapc:", "pop3c:", "obox:", "cydir:")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the mail of one account lies.

    Attributes:
        root: the top folder: other folders lie in it.
        inbox: where the inbox's `tmp`, `new` and `cur` are; the same, as a rule.
        control: where `maildirsize` and `subscriptions` are; the same, as a rule.
        nested: whether folders are folders in folders (`LAYOUT=fs`), not Maildir++.
        utf8: whether their names are UTF-8 on disk, not modified UTF-7.
        roots: what all of it has to lie below, links followed; empty: the operator said where.
    """

    root: Path
    inbox: Path
    control: Path
    nested: bool = False
    utf8: bool = False
    roots: tuple[Path, ...] = ()

    @classmethod
    def at(cls, maildir: Path) -> Whereabouts:
        """A Maildir++ without options."""
        return cls(maildir, maildir, maildir)

    def confine(self) -> None:
        """See where links on the way lead to; blocks.

        Raises:
            UnsafeName: out of the roots.
            OSError: a folder on the way cannot be looked at.
        """
        if not self.roots:
            return
        roots = [os.path.realpath(each) for each in self.roots]
        for path in dict.fromkeys((self.root, self.inbox, self.control)):
            if not _is_below(os.path.realpath(path), roots):
                raise UnsafeName("a link leads out of the folders that [mailbox] roots allows")

    def holds(self, folder: Path) -> bool:
        """Whether a folder beside the inbox is in this mail, links followed; blocks.

        Raises:
            OSError: a folder on the way cannot be looked at.
        """
        return _is_below(os.path.realpath(folder), [os.path.realpath(self.root)])


def check_template(template: str) -> None:
    """Refuse a path that names no account, uses an unknown variable, or is no Maildir's.

    Raises:
        ValueError: in one line, for the operator.
    """
    if template.startswith(_OTHER_FORMATS):
        form = template.partition(":")[0]
        raise ValueError(f"mail is written as Maildir, not {form}; deliver to that by LMTP")
    path, _ = _split(template)
    used(template)
    if not used(path) & {"u", "n", "h"} and not path.startswith("~/"):
        raise ValueError("the path needs %u or %n, or all accounts would share one Maildir")


def above_accounts(template: str, home: str = "") -> Path | None:
    """The folder that all Maildirs of a template lie below: what precedes the first variable.

    Args:
        template: `[mailbox] path`; empty for `DEFAULT_TEMPLATE`.
        home: `[mailbox] home`.

    Returns:
        A path, absolute or below the state directory; `None` where only directories know it.
    """
    path = _split(template or DEFAULT_TEMPLATE)[0]
    if path.startswith(("~", "%h", "%{home}")):
        return above_accounts(home) if home else None
    return Path(path.partition("%")[0] + "x").parent


class MaildirLocation:
    """Where the Maildir of each account is.

    Args:
        template: a path with Dovecot's variables, or `maildir:` and one; empty for
            `DEFAULT_TEMPLATE`.
        state_directory: what a relative template is below.
        home: the home of accounts of which the directory says none, a path with variables.
        roots: what directories may name places below; empty: the folder that the template begins
            with.

    Raises:
        ValueError: see `check_template`.
    """

    def __init__(
        self,
        template: str,
        state_directory: Path,
        *,
        home: str = "",
        roots: tuple[str, ...] = (),
    ) -> None:
        check_template(template or DEFAULT_TEMPLATE)
        self._template = template or DEFAULT_TEMPLATE
        self._state_directory = state_directory
        self._home = home
        usual = above_accounts(self._template, home)
        self._roots = tuple(map(os.path.normpath, roots))
        if usual is not None and not roots:
            self._roots = (os.path.normpath(state_directory / usual),)
        path, options = _split(self._template)
        # What the usual template needs no more for than the account's name.
        self._plain = "" if options or path.startswith("~") or "h" in used(path) else path

    @property
    def roots(self) -> tuple[str, ...]:
        """What all mail lies below, whoever says where."""
        usual = above_accounts(self._template, self._home)
        here = () if usual is None else (os.path.normpath(self._state_directory / usual),)
        return tuple(dict.fromkeys((*self._roots, *here)))

    def path(self, user: str) -> Path:
        """The inbox of an account of which the directory says nothing.

        Raises:
            UnsafeName: see `find`.
        """
        return self.find(user).inbox

    def find(self, user: str, home: str = "", mail: str = "") -> Whereabouts:
        """Where the account's mail lies.

        Args:
            user: its canonical name, `local@domain`.
            home: its home, as the directory says; empty: it does not.
            mail: where its mail is, likewise, in the form of Dovecot's `mail_location`.

        Raises:
            UnsafeName: a part of the name is no plain name of a file, or what the directory says
                cannot be a Maildir of this server; the text holds no name.
        """
        if self._plain and not mail and not home:
            path = self._state_directory / fill(self._plain, user)
            return Whereabouts(path, path, path)
        given = bool(mail or home)
        if "\0" in mail or "\0" in home:
            raise UnsafeName("the directory names a place that [mailbox] roots does not allow")
        home = home or self._usual_home(user)
        if mail:
            try:
                used(mail)
            except ValueError as error:
                raise UnsafeName(f"the directory's word for its place: {error}") from None
        found = self._read(mail or self._template, user, home, given=bool(mail))
        return self._checked(found) if given else found

    def _usual_home(self, user: str) -> str:
        return str(self._state_directory / fill(self._home, user)) if self._home else ""

    def _read(self, text: str, user: str, home: str, *, given: bool) -> Whereabouts:
        if text.startswith(_OTHER_FORMATS):
            raise UnsafeName("its mail is in another form than Maildir; deliver to it by LMTP")
        path, options = _split(text)
        relative_to = Path(home) if given and home else self._state_directory

        def absolute(part: str) -> Path:
            return relative_to / _expanded(fill(part, user, home), home)

        root = absolute(path)
        inbox = absolute(options["INBOX"]) if "INBOX" in options else root
        control = absolute(options["CONTROL"]) if "CONTROL" in options else root
        nested = options.get("LAYOUT", "++").lower() == "fs"
        return Whereabouts(root, inbox, control, nested, "UTF-8" in options)

    def _checked(self, found: Whereabouts) -> Whereabouts:
        for path in (found.root, found.inbox, found.control):
            normal = os.path.normpath(path)
            if "\0" in normal or not path.is_absolute() or not _is_below(normal, self._roots):
                raise UnsafeName("the directory names a place that [mailbox] roots does not allow")
        roots = tuple(map(Path, self._roots))
        return Whereabouts(
            Path(os.path.normpath(found.root)),
            Path(os.path.normpath(found.inbox)),
            Path(os.path.normpath(found.control)),
            found.nested,
            found.utf8,
            roots,
        )


def _split(text: str) -> tuple[str, dict[str, str]]:
    """The path and the options of a mail location; a colon in a path is written twice."""
    parts = text.removeprefix("maildir:").replace("::", "\0").split(":")
    path, *options = (part.replace("\0", ":") for part in parts)
    pairs = (option.partition("=") for option in options)
    return path, {key.upper(): value for key, _, value in pairs if key}


def _expanded(path: str, home: str) -> str:
    if path != "~" and not path.startswith("~/"):
        return path
    if not home:
        raise UnsafeName("its place begins with ~, and the account has no home")
    return home + path[1:]


def _is_below(path: str, roots: tuple[str, ...] | list[str]) -> bool:
    """Below a root, not the root itself: that one is shared by all."""
    return any(path.startswith(root.rstrip("/") + "/") for root in roots)
