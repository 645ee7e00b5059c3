"""What an operator can say of groups, forwards, rights, quotas and domains, and get wrong."""

from __future__ import annotations

import pytest

from postroad.directory import CHEAP, DirectoryEditor, DirectoryMistake
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.quota import Quota, parse_count, parse_size, size_words

JOHN, MARY = "john@example.org", "mary@example.org"
STAFF = "staff@example.org"


@pytest.fixture
def editor(tmp_path):
    with DirectoryEditor.open(
        tmp_path / "directory.db", domains=["example.org"], profile=CHEAP
    ) as editor:
        editor.add_user(JOHN, "summersun")
        editor.add_user(MARY, "moonlight")
        editor.add_alias("info@example.org", [JOHN])
        editor.add_group(STAFF, [JOHN, "Ann@elsewhere.test"], owner=MARY, senders=Senders.MEMBERS)
        editor.add_domain("example.net")
        editor.add_domain("example.com", alias_of="example.net")
        editor.add_domain("relayed.example", recipients="any")
        yield editor


def test_what_is_said_is_listed(editor):
    editor.set_quota(JOHN, Quota(1 << 30, None))
    editor.set_forward(JOHN, ["Ann@elsewhere.test"], keep=True)
    editor.grant(JOHN, ["Boss@example.net", "@Example.com"])
    john = editor.user(JOHN)
    assert john.quota == Quota(1 << 30, None)
    assert john.forward == (JOHN, "Ann@elsewhere.test")
    assert john.send_as == ("@example.com", "boss@example.net")
    assert editor.users()[0] == john
    assert editor.user(MARY).forward == ()
    assert [each.source for each in editor.aliases()] == ["info@example.org"]
    (staff,) = editor.groups()
    assert staff == editor.group("STAFF@example.org")
    assert (staff.members, staff.owner) == ((JOHN, "Ann@elsewhere.test"), MARY)
    assert [(each.name, each.alias_of, each.recipients) for each in editor.domains()] == [
        ("example.org", "", ""),
        ("example.com", "example.net", ""),
        ("example.net", "", ""),
        ("relayed.example", "", "any"),
    ]


def test_a_user_takes_what_is_its_own_along(editor):
    editor.set_forward(JOHN, [MARY])
    editor.grant(JOHN, ["@example.net"])
    editor.set_quota(JOHN, Quota(5, 5))
    assert editor.remove_user(JOHN) == ("info@example.org", STAFF)
    editor.add_user(JOHN, "summersun")
    john = editor.user(JOHN)
    assert (john.forward, john.send_as, john.quota) == ((), (), Quota())


def test_members_come_and_go(editor):
    assert editor.add_members(STAFF, [MARY]).members == (JOHN, "Ann@elsewhere.test", MARY)
    left = editor.remove_members(STAFF, ["ann@ELSEWHERE.test", JOHN])
    assert left.members == (MARY,)
    editor.add_alias("all@example.org", [STAFF])
    assert editor.remove_group(STAFF) == ("all@example.org",)
    editor.add_user(STAFF, "free again")


def test_two_who_share_their_mail_and_keep_a_copy_are_no_loop(editor):
    editor.set_forward(JOHN, [MARY], keep=True)
    editor.set_forward(MARY, [JOHN], keep=True)
    editor.set_forward(MARY, [])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda e: e.set_forward(JOHN, [JOHN]), "gets its own mail anyway"),
        (lambda e: e.set_forward(JOHN, [], keep=True), "name them"),
        (lambda e: e.set_forward(JOHN, ["info@example.org"]), "round for ever"),
        (lambda e: e.set_forward(JOHN, ["nobody@example.org"]), "nobody has the address"),
        (lambda e: e.set_forward("jon@example.org", [MARY]), f"did you mean {JOHN}\\?"),
        (lambda e: e.set_forward("info@example.org", [MARY]), "there is no account"),
        (lambda e: e.grant(JOHN, ["boss"]), "is not an address"),
        (lambda e: e.grant("x@example.org", ["@example.net"]), "no account x@example.org$"),
        (lambda e: e.revoke(JOHN, ["@example.net"]), "was not given the right"),
        (lambda e: e.set_quota("x@example.org", Quota()), "there is no account"),
        (lambda e: e.add_alias(JOHN, [MARY]), "postroad user forward"),
        (lambda e: e.add_alias(STAFF, [MARY]), "there is a group"),
        (lambda e: e.remove_alias(STAFF), "there is a group"),
        (lambda e: e.remove_alias("inof@example.org"), "did you mean info@example.org"),
        (lambda e: e.add_user(STAFF, "x"), "there is a group"),
        (lambda e: e.add_alias("x@example.com", [MARY]), "stands for example.net"),
        (lambda e: e.add_user("x@relayed.example", "x"), "is relayed"),
        (lambda e: e.add_user("x@exampel.net", "x"), "did you mean example.net"),
        (lambda e: e.add_group(STAFF, [MARY]), "there is a group"),
        (lambda e: e.add_group(JOHN, [MARY]), "there is an account"),
        (lambda e: e.add_group("info@example.org", [MARY]), "is an alias"),
        (lambda e: e.add_group("@example.org", [MARY]), "is not an address"),
        (lambda e: e.add_group("x@example.org", []), "needs a target"),
        (lambda e: e.add_group("x@example.org", ["x+1@example.org"]), "round for ever"),
        (lambda e: e.add_group("x@example.org", ["no@example.org"]), "nobody has"),
        (lambda e: e.add_group("x@example.org", [MARY], owner="no@example.org"), "nobody has"),
        (lambda e: e.add_group("x@example.org", [MARY], owner="x+1@example.org"), "group x@"),
        (lambda e: e.add_members(STAFF, [JOHN]), "already has"),
        (lambda e: e.add_members("stafff@example.org", [JOHN]), f"did you mean {STAFF}"),
        (lambda e: e.remove_members(STAFF, [MARY]), "does not have the member"),
        (lambda e: e.remove_members(STAFF, [JOHN, "ann@elsewhere.test"]), "no members"),
        (lambda e: e.change_group(STAFF, owner=STAFF), "by the group"),
        (lambda e: e.change_group(STAFF, owner="nobody"), "is not an address"),
        (lambda e: e.remove_group("info@example.org"), "there is no group"),
        (lambda e: e.add_domain("x.example", alias_of="example.com"), "stands for example.net"),
        (lambda e: e.add_domain("x.example", alias_of="y.example"), "not one of our domains"),
        (lambda e: e.add_domain("x.example", recipients="sometimes"), "any, verify or a table"),
        (lambda e: e.add_domain("x.example", recipients="hsah:/x"), "did you mean hash:"),
        (lambda e: e.remove_domain("example.net"), "example.com stands for example.net"),
        (lambda e: e.remove_domain("example.nte"), "did you mean example.net"),
        (lambda e: e.add_pattern("/x/", [JOHN]), "patterns = true"),
        (lambda e: e.remove_pattern("/x/"), "there is no pattern"),
    ],
)
def test_mistakes_change_nothing(editor, change, complaint):
    before = editor.contents(secrets=True)
    with pytest.raises(DirectoryMistake, match=complaint) as mistake:
        change(editor)
    assert "\n" not in str(mistake.value)
    assert editor.contents(secrets=True) == before


@pytest.mark.parametrize(
    ("text", "octets", "words"),
    [
        ("none", 0, "none"),
        ("0", 0, "none"),
        ("1000", 1000, "1000"),
        ("2048", 2048, "2K"),
        ("500M", 500 << 20, "500M"),
        ("500 mb", 500 << 20, "500M"),
        ("1.5G", None, ""),
        ("2GiB", 2 << 30, "2G"),
        ("3t", 3 << 40, "3T"),
        ("-1", None, ""),
        ("999999999999999T", None, ""),
        ("", None, ""),
    ],
)
def test_sizes(text, octets, words):
    if octets is None:
        with pytest.raises(DirectoryMistake, match="a size is a number such as"):
            parse_size(text)
        return
    assert parse_size(text) == octets
    assert size_words(octets) == words
    assert parse_size(words) == octets


def test_counts():
    assert (parse_count("none"), parse_count("10000")) == (0, 10_000)
    with pytest.raises(DirectoryMistake, match="a number of messages"):
        parse_count("10k")
