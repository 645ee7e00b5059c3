"""Changes to groups: aliases with an owner and a rule of who may write to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from postroad.directory.embedded.entry import GroupEntry, parse_key, parse_targets
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.mistake import AliasExists, AliasLoop, GroupExists, UnknownGroup
from postroad.directory.embedded.nearest import hint, near_source
from postroad.directory.embedded.target_editing import TargetEditing
from postroad.directory.interface import Alias
from postroad.directory.names import address_form
from postroad.model import Address

__all__ = ["GroupEditing"]

_LIST = "SELECT name, owner, senders FROM groups"
_MEMBERS = """
SELECT source, target FROM aliases JOIN groups ON groups.name = source
WHERE ?1 IN ('', source) ORDER BY aliases.id
"""


class GroupEditing(TargetEditing):
    """Lists, adds, changes and removes groups."""

    def groups(self) -> tuple[GroupEntry, ...]:
        """All groups, by domain and name."""
        with self._translated():
            return self._groups(f"{_LIST} ORDER BY domain, name")

    def group(self, name: str) -> GroupEntry:
        """A group.

        Raises:
            UnknownGroup: there is no such group.
        """
        key = parse_key(name)
        with self._translated():
            return self._require_group(key)

    def add_group(
        self,
        name: str,
        members: Sequence[str],
        *,
        owner: str = "",
        senders: Senders = Senders.EVERYBODY,
    ) -> GroupEntry:
        """Add a group and return it.

        Args:
            name: its address, in one of our domains.
            members: addresses, ours or not, at least one.
            owner: the address that gets the bounces of what goes to them; empty: whoever sent it.
            senders: who may send to it.

        Raises:
            InvalidName: the name, a member or the owner is no address, or there is no member.
            UnknownDomain: its domain is not ours.
            UserExists, AliasExists, GroupExists: the address is taken.
            UnknownTarget: a member or the owner is in a domain of ours and nobody has the address.
            AliasLoop: mail would come back to the group, or its bounces would.
        """
        key = parse_key(name)
        wanted = parse_targets(members)
        with self._change():
            domain = key.rpartition("@")[2]
            self._require_domain(domain)
            self._refuse_user(key)
            self._refuse_group(key)
            if self._targets(key):
                raise AliasExists(f"{key} is an alias; remove it first")
            self._rows("INSERT INTO groups VALUES (?, ?, ?, ?)", key, domain, owner, senders.value)
            self._write_targets(key, wanted)
            self._check_owner(key, owner)
        return GroupEntry(key, tuple(wanted.values()), owner, senders)

    def add_members(self, name: str, members: Sequence[str]) -> GroupEntry:
        """Add members to a group and return it with all of them.

        Raises:
            UnknownGroup: there is no such group.
            GroupExists: it has all of them already.
            InvalidName, UnknownTarget, AliasLoop: as in `add_group`.
        """
        key, wanted = parse_key(name), parse_targets(members)
        with self._change():
            group = self._require_group(key)
            there = self._targets(key)
            new = {form: text for form, text in wanted.items() if form not in there}
            if not new:
                raise GroupExists(f"{key} already has {', '.join(wanted.values())}")
            self._write_targets(key, new)
            self._check_owner(key, group.owner)
        return replace(group, members=(*group.members, *new.values()))

    def remove_members(self, name: str, members: Sequence[str]) -> GroupEntry:
        """Remove members of a group and return what is left of it.

        Raises:
            UnknownGroup: there is no such group, it does not have such a member, or none would be
                left.
        """
        key, wanted = parse_key(name), parse_targets(members)
        with self._change():
            group = self._require_group(key)
            there = self._targets(key)
            for form, text in wanted.items():
                if form not in there:
                    raise UnknownGroup(f"{key} does not have the member {text}")
            left = tuple(text for form, text in there.items() if form not in wanted)
            if not left:
                raise UnknownGroup(
                    f"{key} would have no members; remove it with: postroad group remove {key}"
                )
            self._delete_targets(key, wanted)
        return replace(group, members=left)

    def change_group(
        self, name: str, *, owner: str | None = None, senders: Senders | None = None
    ) -> GroupEntry:
        """Change a group's owner or rule, and return it.

        Args:
            name: the group.
            owner: as in `add_group`; `None`: as it is.
            senders: as in `add_group`; `None`: as it is.

        Raises:
            UnknownGroup: there is no such group.
            InvalidName, UnknownTarget, AliasLoop: the owner cannot be one.
        """
        key = parse_key(name)
        with self._change():
            group = self._require_group(key)
            group = replace(
                group,
                owner=group.owner if owner is None else owner,
                senders=group.senders if senders is None else senders,
            )
            sql = "UPDATE groups SET owner = ?, senders = ? WHERE name = ?"
            self._rows(sql, group.owner, group.senders.value, key)
            self._check_owner(key, group.owner)
        return group

    def remove_group(self, name: str) -> tuple[str, ...]:
        """Remove a group.

        Returns:
            The sources of the aliases that still point at it, which now lead nowhere.

        Raises:
            UnknownGroup: there is no such group.
        """
        key = parse_key(name)
        with self._change():
            self._require_group(key)
            self._rows("DELETE FROM groups WHERE name = ?", key)
            self._delete_targets(key)
            left = self._rows(
                "SELECT DISTINCT source FROM aliases WHERE target_key = ? ORDER BY source", key
            )
        return tuple(str(row[0]) for row in left)

    def _groups(self, sql: str, only: str = "") -> tuple[GroupEntry, ...]:
        members: dict[str, list[str]] = {}
        for name, target in self._rows(_MEMBERS, only):
            members.setdefault(str(name), []).append(str(target))
        return tuple(
            GroupEntry(str(name), tuple(members.get(str(name), ())), str(owner), Senders(senders))
            for name, owner, senders in self._rows(sql, *([only] if only else []))
        )

    def _require_group(self, key: str) -> GroupEntry:
        found = self._groups(f"{_LIST} WHERE name = ?", key)
        if not found:
            near = near_source(self._connection, key)
            raise UnknownGroup(f"there is no group {key}{hint(near)}")
        return found[0]

    def _check_owner(self, group: str, owner: str) -> None:
        """Refuse an owner whom nobody could tell, or who would be told by way of the group."""
        if not owner:
            return
        parse_key(owner)
        self._refuse_unknown([owner])
        seen: set[str] = set()
        ways = [address_form(Address.parse(owner))]
        while ways:
            form = self._lookups.real(ways.pop())
            answer = self._lookups.resolve(form)
            if not isinstance(answer, Alias) or str(form) in seen:
                continue
            seen.add(str(form))
            if str(Address(form.local.removesuffix(answer.extension), form.domain)) == group:
                raise AliasLoop(f"the owner {owner} gets mail by the group {group} itself")
            ways.extend(address_form(target) for target in answer.targets)
