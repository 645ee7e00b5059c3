"""The files of the old installation: nothing outside of its root is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.adopt.adoption import Adoption, adopted
from postroad.adopt.finding import Verdict
from postroad.adopt.old_files import OldFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "old"
    (root / "etc/postfix").mkdir(parents=True)
    (root / "etc/virtual").write_text("inside")
    return root


@pytest.mark.parametrize(
    "path",
    [
        "/etc/virtual",
        "etc/virtual",
        "//etc/virtual",
        "/../../etc/virtual",
        "../../../etc/virtual",
        "/etc/postfix/../virtual",
        "ROOT/etc/virtual",
        "ROOT/../../etc/virtual",
    ],
)
def test_a_path_is_below_the_root(root: Path, path: str) -> None:
    named = path.replace("ROOT/../..", f"{root}" + "/.." * len(root.parts))
    files = OldFiles(root)
    assert files.place(named.replace("ROOT", str(root))) == root / "etc/virtual"
    assert files.text(named.replace("ROOT", str(root))) == "inside"


@pytest.mark.parametrize("target", ["/outside", "../../../outside", "OUTSIDE"])
def test_a_link_does_not_leave_the_root(root: Path, target: str) -> None:
    link = root / "etc/postfix/link"
    link.symlink_to(target.replace("OUTSIDE", str(root.parent / "outside")))
    files = OldFiles(root)
    assert files.text("/etc/postfix/link") is None
    assert not files.exists("/etc/postfix/link")


@pytest.mark.parametrize(
    "target", ["/etc/virtual", "../../../../etc/virtual", "/etc/../../etc/virtual"]
)
def test_a_link_of_the_old_system_is_followed_there(root: Path, target: str) -> None:
    (root / "etc/postfix/link").symlink_to(target)
    assert OldFiles(root).place("/etc/postfix/link") == root / "etc/virtual"


def test_a_folder_that_is_a_link_of_the_old_system(root: Path) -> None:
    (root / "usr").symlink_to("/etc")
    assert OldFiles(root).text("/usr/virtual") == "inside"


def test_a_link_within_the_root_keeps_its_name(root: Path) -> None:
    """A certificate's link leads to the newest one; the new configuration names the link."""
    (root / "etc/postfix/link").symlink_to("../virtual")
    assert OldFiles(root).place("/etc/postfix/link") == root / "etc/postfix/link"


def test_links_in_a_circle_are_no_file(root: Path) -> None:
    (root / "etc/a").symlink_to("/etc/b")
    (root / "etc/b").symlink_to("/etc/a")
    assert OldFiles(root).text("/etc/a") is None


def test_a_name_with_a_nul_is_no_file(root: Path) -> None:
    assert OldFiles(root).text("/etc/a\0b") is None


def test_a_report_repeats_nothing_of_a_file_that_is_no_table(tmp_path: Path) -> None:
    folder = tmp_path / "old/etc/postfix"
    folder.mkdir(parents=True)
    (folder / "main.cf").write_text(
        "compatibility_level = 3.6\nmyhostname = mail.example.org\nmydestination = example.org\n"
        "virtual_alias_maps = hash:/../../etc/secrets\n"
    )
    (folder / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    (tmp_path / "old/etc/secrets").write_text("root:$6$verysecret:20228\n")
    wanted = Adoption(
        Path("/etc/postfix"), tmp_path / "new", state=tmp_path / "state", root=tmp_path / "old"
    )
    (finding,) = [each for each in adopted(wanted).findings if each.setting == "virtual_alias_maps"]
    assert finding.verdict is Verdict.UNSUPPORTED
    assert f"{tmp_path}/old/etc/secrets:1: " in finding.words
    assert "verysecret" not in (tmp_path / "new/adopt-report.txt").read_text()
