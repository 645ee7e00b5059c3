"""What an operator can get wrong when changing the directory, one class each.

The text of every mistake is one line that names the thing and, where there is one, the way out.
"""

from __future__ import annotations

__all__ = [
    "AliasExists",
    "AliasLoop",
    "AlreadyFrozen",
    "DirectoryMistake",
    "DomainConfigured",
    "DomainExists",
    "DomainInUse",
    "GroupExists",
    "InvalidName",
    "LabelTaken",
    "NotFrozen",
    "Unimportable",
    "UnknownAlias",
    "UnknownAppPassword",
    "UnknownDomain",
    "UnknownGroup",
    "UnknownRight",
    "UnknownTarget",
    "UnknownUser",
    "UnusableHash",
    "UnusableLabel",
    "UnusablePassword",
    "UnusablePattern",
    "UnusableQuota",
    "UserExists",
]


class DirectoryMistake(ValueError):
    """A change that makes no sense; nothing was changed. The text is one line to show."""


class InvalidName(DirectoryMistake):
    """The text is no domain, no address, or no name an account can have."""


class UnknownDomain(DirectoryMistake):
    """The domain is not ours."""


class DomainExists(DirectoryMistake):
    """The domain is there already."""


class DomainConfigured(DirectoryMistake):
    """The domain stands in the configuration file and is changed there."""


class DomainInUse(DirectoryMistake):
    """Accounts or aliases of the domain are left."""


class UnknownUser(DirectoryMistake):
    """There is no such account."""


class UserExists(DirectoryMistake):
    """An account has this address already."""


class UnusablePassword(DirectoryMistake):
    """The password is empty, too long, or cannot be sent by a client."""


class UnknownAlias(DirectoryMistake):
    """There is no such alias, or it does not have this target."""


class AliasExists(DirectoryMistake):
    """An alias has this address, or this target, already."""


class AliasLoop(DirectoryMistake):
    """Mail to the alias would come back to it for ever."""


class UnknownTarget(DirectoryMistake):
    """The target is in one of our domains and nobody has it."""


class UnusableHash(DirectoryMistake):
    """The hash is of no scheme we know, damaged, or too costly to check."""


class UnknownAppPassword(DirectoryMistake):
    """The account has no such app password."""


class LabelTaken(DirectoryMistake):
    """An app password of the account has this label already, or there are too many."""


class UnusableLabel(DirectoryMistake):
    """The label is empty, too long, or cannot be shown."""


class UnknownGroup(DirectoryMistake):
    """There is no such group, or it does not have this member."""


class GroupExists(DirectoryMistake):
    """A group has this address, or this member, already."""


class UnknownRight(DirectoryMistake):
    """The account was not given that right, or has it already."""


class UnusablePattern(DirectoryMistake):
    """The pattern is none, may be slow, or its targets cannot become addresses."""


class UnusableQuota(DirectoryMistake):
    """A limit of a mailbox is no size or no number."""


class Unimportable(DirectoryMistake):
    """A file to import has bad lines; the text is one line for each of the first ones."""


class AlreadyFrozen(DirectoryMistake):
    """The account is frozen already."""


class NotFrozen(DirectoryMistake):
    """The account is not frozen, or there is none."""
