"""Accounts, domains and aliases: who is here, who may log in, who has which address.

`Directory` is the interface; `EmbeddedDirectory` answers it from a SQLite file, which
`DirectoryEditor` changes. The package knows no SMTP and no mail store. The rules by which an
address finds its account stand in `lookups`, what an operator may change in `editor`.
"""

from postroad.directory.certificates import CertificateMap
from postroad.directory.embedded.app_password import Scope
from postroad.directory.embedded.directory import EmbeddedDirectory
from postroad.directory.embedded.editor import DirectoryEditor
from postroad.directory.embedded.entry import (
    AliasEntry,
    AppPasswordEntry,
    DomainEntry,
    GroupEntry,
    NewAppPassword,
    PatternEntry,
    UserEntry,
)
from postroad.directory.embedded.freezing import Freeze, FreezeAuthor, Freezes
from postroad.directory.embedded.mistake import DirectoryMistake
from postroad.directory.embedded.schema import SchemaTooNew
from postroad.directory.interface import (
    Accounts,
    Alias,
    Directory,
    DirectoryUnavailable,
    LoginNames,
    Mailbox,
    Place,
    Places,
    Purpose,
    Resolution,
    Secrets,
    Standing,
    Unknown,
    account_of,
)
from postroad.directory.passwords.password import CHEAP, OWASP, PasswordProfile
from postroad.directory.settings import DirectorySettings

__all__ = [
    "CHEAP",
    "OWASP",
    "Accounts",
    "Alias",
    "AliasEntry",
    "AppPasswordEntry",
    "CertificateMap",
    "Directory",
    "DirectoryEditor",
    "DirectoryMistake",
    "DirectorySettings",
    "DirectoryUnavailable",
    "DomainEntry",
    "EmbeddedDirectory",
    "Freeze",
    "FreezeAuthor",
    "Freezes",
    "GroupEntry",
    "LoginNames",
    "Mailbox",
    "NewAppPassword",
    "PasswordProfile",
    "PatternEntry",
    "Place",
    "Places",
    "Purpose",
    "Resolution",
    "SchemaTooNew",
    "Scope",
    "Secrets",
    "Standing",
    "Unknown",
    "UserEntry",
    "account_of",
]
