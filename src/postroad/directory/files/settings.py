"""The keys of `[directories.NAME]` for `kind = "files"`.

Values only; nothing here opens a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from postroad.model.units import Duration

__all__ = ["FilesSettings"]


@dataclass(frozen=True, kw_only=True)  # no slots: `SourceSettings` has several such bases
class FilesSettings:
    """Accounts in a Dovecot passwd-file, aliases in Postfix's text files.

    Attributes:
        passwd: the passwd-file, `user:{SCHEME}hash:uid:gid:gecos:home:shell:fields`.
        username_format: what of a login name is looked for there, with Dovecot's variables.
        default_domain: where names without a domain live; empty: the first of `domains` of the
            server.
        default_scheme: the scheme of a stored hash without braces; empty: as in `[directory]`.
        local_domains: domains in which a bare name of `virtual` and of `aliases` is an address,
            as Postfix's mydestination; empty: `default_domain` alone.
        virtual: tables of aliases by whole addresses, as Postfix's virtual_alias_maps.
        aliases: files of aliases by local parts, such as `/etc/aliases`.
        mailbox: tables whose keys are accounts, as Postfix's virtual_mailbox_maps.
        mailbox_base: the folder under which the values of `mailbox` lie; left out: they say
            nothing.
        domain_tables: tables whose keys are our domains, as Postfix's virtual_mailbox_domains.
        allow_commands: whether mail may go to commands of `aliases`, `|command`.
        allow_files: whether mail may go to files of `aliases`, `/file/name`.
        command_user: the account that runs those commands where the server runs as root.
        command_time_limit: how long one may run.
    """

    passwd: Path | None = None
    username_format: str = "%u"
    default_domain: str = ""
    default_scheme: str = ""
    local_domains: tuple[str, ...] = ()
    virtual: tuple[str, ...] = ()
    aliases: tuple[Path, ...] = ()
    mailbox: tuple[str, ...] = ()
    mailbox_base: Path | None = None
    domain_tables: tuple[str, ...] = ()
    allow_commands: bool = False
    allow_files: bool = False
    command_user: str = ""
    command_time_limit: Duration = 1000.0
