"""Changes to the embedded directory, as the command line makes them.

Synchronous, for a process that makes one change and ends. Each method is one transaction, on
stable storage when it returns; the workers see it at their next look-up. A change that makes no
sense raises a `DirectoryMistake` and changes nothing.

What an operator should know:

- An account's name is its address, in lower case. It belongs to one of our domains.
- A disabled account cannot log in; mail for it is still taken in. A frozen one cannot send.
- An address is an account, an alias or a group, one of these. An alias delivers to several targets,
  ours or foreign; the source `@domain` catches all that nobody else in the domain has. A group is
  an alias with an owner and a rule of who may write to it.
- An account may forward its mail, and keep a copy. Its address stays its own.
- A domain in the configuration is ours without being added here. One in the directory may stand for
  another, or be relayed; neither has accounts or aliases of its own here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from postroad.directory.embedded.account_editing import AccountEditing
from postroad.directory.embedded.alias_editing import AliasEditing
from postroad.directory.embedded.app_password_editing import AppPasswordEditing
from postroad.directory.embedded.domain_editing import DomainEditing
from postroad.directory.embedded.forward_editing import ForwardEditing
from postroad.directory.embedded.freeze_editing import FreezeEditing
from postroad.directory.embedded.group_editing import GroupEditing
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.embedded.moving import Moving
from postroad.directory.embedded.schema import open_for_change
from postroad.directory.passwords.credentials import DEFAULT_KINDS
from postroad.directory.passwords.password import OWASP, PasswordProfile
from postroad.sasl.secrets import SecretKind

__all__ = ["DirectoryEditor"]


class DirectoryEditor(
    DomainEditing,
    AccountEditing,
    ForwardEditing,
    AppPasswordEditing,
    AliasEditing,
    GroupEditing,
    FreezeEditing,
    Moving,
):
    """Lists and changes everything in the directory. A context manager that closes itself.

    Every method may raise `DirectoryUnavailable` when the file cannot be read or written.
    """

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        domains: Sequence[str],
        delimiters: str = "+",
        profile: PasswordProfile = OWASP,
        kinds: Collection[SecretKind] = DEFAULT_KINDS,
        default_scheme: str = "CRYPT",
        patterns: bool = False,
    ) -> DirectoryEditor:
        """Open the database, creating it (mode 0600) if it is not there.

        Args:
            path: the file; its folder must exist.
            domains: the domains of the configuration.
            delimiters: `recipient_delimiter` of the configuration.
            profile: the cost of new password hashes.
            kinds: `secrets` of the configuration.
            default_scheme: the same of the configuration.
            patterns: the same.

        Raises:
            DirectoryUnavailable: the file cannot be created, opened or locked.
            SchemaTooNew: a later release wrote it.
        """
        connection = open_for_change(path)
        lookups = Lookups(connection, domains, delimiters, patterns=patterns)
        return cls(connection, lookups, profile, kinds, default_scheme)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
