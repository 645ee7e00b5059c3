"""Who checks passwords: Dovecot's socket, or the accounts of Cyrus SASL."""

from __future__ import annotations

from postroad.adopt.finding import Verdict
from postroad.adopt.plan import PlannedAccount
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import MainCf, Parameter
from postroad.adopt.postfix.tables import table_name
from postroad.directory.files.berkeley_hash import BerkeleyMistake
from postroad.directory.files.sasldb import SaslAccount, read_sasldb
from postroad.directory.passwords.password import OWASP, hash_password

__all__ = ["translate_logins"]


def translate_logins(old: OldPostfix, *, mailboxes_here: bool) -> None:
    """Plan who checks passwords and who may send as whom."""
    main, where = _with_logins(old)
    if main is not None:
        kind = main.value("smtpd_sasl_type")
        if mailboxes_here:
            for name in ("smtpd_sasl_type", "smtpd_sasl_path"):
                old.translated(name, "the accounts that were taken over from Dovecot")
        elif kind == "dovecot":
            _dovecot(old, main, where)
        else:
            _cyrus(old, main)
        _plain(old, main)
    _owners(old)


def _plain(old: OldPostfix, main: MainCf) -> None:
    """Postfix lets passwords pass in plain text unless `smtpd_tls_auth_only` forbids it."""
    if not main.on("smtpd_tls_auth_only") and main.value("smtpd_tls_security_level") != "encrypt":
        words = "users log in under TLS only; Postfix took passwords in plain text as well"
        todo = "set mail programs that log in without TLS to STARTTLS"
        old.translated("smtpd_sasl_auth_enable", words, todo)


def _with_logins(old: OldPostfix) -> tuple[MainCf | None, str]:
    """The parameters of whoever lets users log in: main.cf, or the first service that does."""
    if old.main.on("smtpd_sasl_auth_enable"):
        return old.main, ""
    for service in old.master.inet():
        main = old.main.over(service.options)
        if main.on("smtpd_sasl_auth_enable"):
            return main, service.name
    return None, ""


def _dovecot(old: OldPostfix, main: MainCf, service: str) -> None:
    path = main.value("smtpd_sasl_path")
    if path.startswith("inet:"):
        socket = path.removeprefix("inet:")
    else:
        socket = old.in_queue(path.removeprefix("unix:"))
    words = "`[directories.dovecot]`: Dovecot goes on to check passwords"
    todo = "" if service else "let the user that Postroad runs as connect to the socket"
    finding = old.translated("smtpd_sasl_path", words, todo)
    old.translated("smtpd_sasl_type", words)
    old.plan.set(("directories", "dovecot", "kind"), "dovecot", finding)
    old.plan.set(("directories", "dovecot", "socket"), socket, finding)


def _cyrus(old: OldPostfix, main: MainCf) -> None:
    """Cyrus SASL: its configuration says where the passwords are."""
    name = main.value("smtpd_sasl_path") or "smtpd"
    settings = _sasl_settings(old, main, f"{name}.conf")
    method = settings.get("pwcheck_method", "auxprop")
    parameter = main.get("smtpd_sasl_type") or main.get("smtpd_sasl_path")
    if "auxprop" in method.split():
        file = settings.get("sasldb_path", "/etc/sasldb2")
        plugin = settings.get("auxprop_plugin", "sasldb")
        if plugin != "sasldb":
            _refuse(old, parameter, f"passwords in {plugin} are not read")
            return
        _sasldb(old, main, parameter, file)
    elif "saslauthd" in method.split():
        words = "`[directories.system]`: the users of this system, by PAM"
        todo = "saslauthd itself is not asked: see that it asked PAM (MECHANISMS=pam)"
        finding = old.note(parameter, Verdict.TRANSLATED, words, todo) if parameter else None
        old.plan.set(("directories", "system", "kind"), "pam", finding)
        old.plan.set(("directories", "system", "service"), "smtp", finding)
    else:
        _refuse(old, parameter, f"passwords by {method} are not checked")


def _refuse(old: OldPostfix, parameter: Parameter | None, words: str) -> None:
    finding = old.note(
        parameter, Verdict.UNSUPPORTED, f"nobody can log in: {words}", "postroad user add"
    )
    if finding not in old.plan.findings:
        old.plan.find(finding)


def _sasl_settings(old: OldPostfix, main: MainCf, name: str) -> dict[str, str]:
    folders = [
        *main.value("cyrus_sasl_config_path").split(":"),
        *(f"{old.folder}/sasl", "/etc/sasl2", "/usr/lib/sasl2", "/usr/lib64/sasl2"),
    ]
    for folder in folders:
        text = old.files.text(f"{folder}/{name}") if folder else None
        if text is not None:
            pairs = (line.partition(":") for line in text.splitlines())
            return {key.strip(): value.strip() for key, colon, value in pairs if colon}
    return {}


def _sasldb(old: OldPostfix, main: MainCf, parameter: Parameter | None, file: str) -> None:
    place = old.files.place(file)
    try:
        accounts = read_sasldb(place)
    except (BerkeleyMistake, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        _refuse(old, parameter, f"{place} cannot be read ({reason})")
        return
    realm = main.value("smtpd_sasl_local_domain")
    for account in accounts:
        _sasl_account(old, account, realm)
    words = f"{len(accounts)} accounts of {place} are in the directory now"
    old.note(parameter, Verdict.TRANSLATED, words, "postroad user list shows them")
    domains = {address.rpartition("@")[2] for address in old.plan.accounts}
    old.plan.extend(("domains",), sorted(domains))


def _sasl_account(old: OldPostfix, account: SaslAccount, realm: str) -> None:
    address = account.address(realm).lower()
    if account.password is None:
        _refuse(old, None, f"{address} has no password that other mechanisms could use")
        return
    stored = hash_password(account.password, OWASP)
    old.plan.accounts[address] = PlannedAccount(address, stored)


def _owners(old: OldPostfix) -> None:
    """`smtpd_sender_login_maps`."""
    words = old.main.words("smtpd_sender_login_maps")
    if not words:
        old.translated("smtpd_sender_login_maps", "what accounts and aliases say")
        return
    tables: list[str] = []
    for word in words:
        table = table_name(old, word)
        if table.name:
            tables.append(table.name)
        else:
            lost = f"{word} is left out: {table.reason}; accounts and aliases say who sends as whom"
            old.missing("smtpd_sender_login_maps", lost)
    if tables:
        finding = old.translated("smtpd_sender_login_maps", "`[login] sender_login_maps`")
        joined = tables[0] if len(tables) == 1 else f"unionmap:{{{', '.join(tables)}}}"
        old.plan.set(("login", "sender_login_maps"), joined, finding)
