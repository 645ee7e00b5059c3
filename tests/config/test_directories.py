"""Mistakes in `[directories]`, `[domain]` and what names them, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.app.directories import plan_of
from postroad.config import Configuration, ConfigurationError, load
from postroad.directory import Standing
from postroad.directory.links import DomainPlan
from postroad.model import Address

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
SQLITE = '[directories.x]\nkind = "sql"\ndriver = "sqlite"\nfile = "/x.db"\npreset = "ispmail"\n'
OTHER = (
    '[directories.x]\nkind = "sql"\ndriver = "sqlalchemy"\n'
    'url = "sqlite:////x.db"\npreset = "ispmail"\n'
)
MYSQL = '[directories.x]\nkind = "sql"\ndriver = "mysql"\ndatabase = "m"\npreset = "ispmail"\n'


def loaded(folder: Path, text: str) -> Configuration:
    file = folder / "postroad.toml"
    file.write_text(f'{HEAD}{text}\n[listeners.mx]\nbind = ["127.0.0.1:2525"]\ntls = "none"\n')
    return load(file)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text)
    return [str(each).removeprefix(str(folder / "postroad.toml")) for each in caught.value.mistakes]


def test_a_misspelt_preset_is_one_mistake(tmp_path: Path) -> None:
    (said,) = mistakes(tmp_path, SQLITE.replace("ispmail", "ispmai"))
    assert "did you mean" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[directories.x]\nkind = "sqll"', "expected one of sql"),
        ("[directories.x]", "[directories.x] kind: is required"),
        ('[directories.x]\nkind = "sql"', "[directories.x] driver: is required"),
        (SQLITE.replace("[directories.x]", "[directories.embedded]"), "is there anyway"),
        (SQLITE + 'hosts = ["a"]', '[directories.x] hosts: means nothing with driver = "sqlite"'),
        (SQLITE.replace('file = "/x.db"\n', ""), "[directories.x] file: is required"),
        (
            SQLITE.replace('preset = "ispmail"\n', ""),
            "[directories.x] preset: is required, or user_query, or another query",
        ),
        (SQLITE + 'user_qery = "x"', "unknown key; did you mean user_query?"),
        (SQLITE + "user_query = \"SELECT '%u@%d'\"", "[directories.x] user_query: %u is the whole"),
        (SQLITE + 'bind_dn = "x"', 'means nothing with kind = "sql", only with ldap'),
        (SQLITE + 'default_scheme = "BLF-CRIPT"', "did you mean"),
        (SQLITE + 'domains = ["x y"]', "[directories.x] domains"),
        (SQLITE + "pool = 0", "expected a number from 1 to 100"),
        (SQLITE + 'timeout = "0s"', "is less than a second"),
        (SQLITE + '[directory]\norder = ["embeded", "x"]', "did you mean"),
        (SQLITE + '[directory]\norder = ["x"]', "leaves out embedded, which would never be asked"),
        (SQLITE + '[directory]\norder = ["x", "x", "embedded"]', "x is listed twice"),
        (MYSQL.replace('database = "m"\n', ""), "[directories.x] database: is required"),
        (MYSQL + 'file = "/x"', "means something only with driver"),
        (MYSQL + 'url = "sqlite://"', 'url: means something only with driver = "sqlalchemy"'),
        (OTHER.replace("sqlite:////x.db", ""), "url: is required"),
        (OTHER.replace("sqlite:////x.db", "sqlite"), "url: expected SQLAlchemy's URL"),
        (OTHER.replace("sqlite:////x.db", "oracle://a:b@c/"), "url: holds a password"),
        (OTHER.replace("sqlite:////x.db", "oracle://a:b/s@c/"), "url: holds a password"),
        (OTHER.replace("sqlite:////x.db", "oracle://c/?password=b"), "url: holds a password"),
        (OTHER.replace("sqlite:////x.db", "oracle://c/?a=b&ssl_Password=b"), "holds a password"),
        (
            OTHER.replace("sqlite:////x.db", "mssql+pyodbc:///?odbc_connect=UID%3Dm%3BPWD%3Db"),
            "url: holds a password",
        ),
        (OTHER.replace("sqlite:////x.db", "mssql+pymssql://a@c/"), "needs the library pymssql"),
        (OTHER + 'hosts = ["a"]', 'hosts: means nothing with driver = "sqlalchemy"'),
        (MYSQL + 'hosts = ["a:b:c"]', '[directories.x] hosts: expected "host:port"'),
        (MYSQL + 'password_file = "/nowhere/at/all"', "[directories.x] password_file: /nowhere"),
        (MYSQL + 'tls_ca_file = "/nowhere/at/all"', "[directories.x] tls_ca_file"),
        ('[directory]\npostmaster = "john"', "[directory] postmaster: expected an address"),
        ('[domain."a b"]', "expected a domain such as"),
        ('[domain."a\u20ddb.test"]', "expected a domain such as"),  # it has no A-label
        (SQLITE + 'domains = ["a\u20ddb.test"]', "[directories.x] domains: expected a domain"),
        ('[domain."a.test"]\nnexthop = "[b]"', 'nexthop: means something only with kind = "relay"'),
        (
            '[domain."a.test"]\nnexthop = "[b]"\ntransport = "maildir"',
            'nexthop: means nothing with transport = "maildir"',
        ),
        (
            '[domain."a.test"]\nnexthop = "[b]"\ntransport = "smtp:[c]"',
            "nexthop: says again what transport says",
        ),
        ('[domain."example.org"]\nkind = "relay"', "whose mail ends here"),
        ('[domain."a.test"]\nkind = "alias"', "alias_of: is required"),
        ('[domain."a.test"]\nkind = "alias"\nalias_of = "a.test"', "is the domain itself"),
        (
            (
                '[domain."a.test"]\nkind = "alias"\nalias_of = "b.test"\n'
                '[domain."b.test"]\nkind = "relay"'
            ),
            "b.test is not a local domain",
        ),
        ('[domain."a.test"]\nalias_of = "b.test"', 'means nothing with kind = "local"'),
        ('[domain."a.test"]\nrecipients = "any"', 'means nothing with kind = "local"'),
        ('[domain."a.test"]\nkind = "relay"\nrecipients = "ayn"', "did you mean"),
        (
            '[domain."a.test"]\nkind = "relay"\nrecipients = "hash:/nowhere/x"',
            "recipients: /nowhere/x",
        ),
        ('[domain."a.test"]\nkind = "relay"\ntransport = "smpt"', "there is no transport"),
        ('[domain."a.test"]\ndirectories = ["y"]', 'there is no directory "y"'),
    ],
)
def test_a_mistake_has_its_line_and_words(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(tmp_path, text)
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith(":")


def test_what_the_chain_goes_by(tmp_path: Path) -> None:
    configuration = loaded(
        tmp_path,
        SQLITE + '[directory]\norder = ["x", "embedded"]\npostmaster = "john@example.org"\n'
        '[domain."Example.net"]\ndirectories = ["x"]\n'
        '[domain."example.com"]\nkind = "alias"\nalias_of = "Example.org"\n'
        '[domain."partner.test"]\nkind = "relay"\nrecipients = "any"\n',
    )
    plan = plan_of(configuration)
    assert configuration.local_domains == ("example.org", "Example.net")
    assert plan.order == ("x", "embedded")
    assert plan.first_domain == "example.org"
    assert plan.postmaster == Address("john", "example.org")
    assert plan.domains == {
        "example.net": DomainPlan(directories=("x",)),
        "example.com": DomainPlan(alias_of="example.org"),
        "partner.test": DomainPlan(standing=Standing.RELAYED, recipients="any"),
    }


def test_a_library_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.directory.sql.opening.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, OTHER)
    words = "needs the library sqlalchemy, which is not installed: postroad[sqlalchemy]"
    assert [words in str(each) for each in caught.value.mistakes] == [True]
