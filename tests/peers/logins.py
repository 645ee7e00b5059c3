"""Programs that log in, each by a mechanism of one's choice: what a submission server meets.

Every function runs one program once. All but `gsasl`, which only logs in, send a message as well,
and exit with 0 only if it was taken. They verify the server's certificate.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import needs
from peers.certificates import Certificate

__all__ = ["Account", "LogIn", "curl", "gsasl", "msmtp", "mutt", "s_nail", "swaks"]

_TIME_LIMIT = 60

_BEARER = {"OAUTHBEARER", "XOAUTH2"}


@dataclass(frozen=True)
class Account:
    """Who logs in, and where.

    Attributes:
        port: of a submission listener on this machine.
        user: the login name.
        secret: the password, or the bearer token.
        authority: the certificate file to trust.
        folder: for the programs' own files.
        certificate: of the client.
    """

    port: int
    user: str
    secret: str
    authority: Path
    folder: Path
    certificate: Certificate


LogIn = Callable[[Account, str], "subprocess.CompletedProcess[str]"]
"""Logs in once by the mechanism of that name."""


def gsasl(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """GNU SASL. For -PLUS it needs TLS 1.2: with 1.3 it binds to what no Python server has."""
    # At the end of its input it says QUIT itself. Another QUIT before would end the session, and
    # leave it writing to a connection that is closed. Without --no-cb it refuses what is not bound.
    binding = "--priority=NORMAL:-VERS-TLS1.3" if mechanism.endswith("-PLUS") else "--no-cb"
    certificate = account.certificate
    who = ["-a", account.user, "-p", account.secret]
    if mechanism == "EXTERNAL":
        who = [f"--x509-cert-file={certificate.chain}", f"--x509-key-file={certificate.key}"]
        who += ["-z", account.user]
    argv = ["gsasl", "--smtp", "--starttls", binding, f"--x509-ca-file={account.authority}"]
    return _run([*argv, "-m", mechanism, *who, "localhost", str(account.port)], "")


def msmtp(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """Msmtp, whose own code does OAUTHBEARER and XOAUTH2, and GNU SASL's library the rest."""
    certificate = account.certificate
    shown = ""
    if mechanism == "EXTERNAL":
        shown = f"tls_cert_file {certificate.chain}\ntls_key_file {certificate.key}\n"
    configuration = _private(
        account.folder / "msmtprc",
        f"account default\nhost localhost\nport {account.port}\nfrom {account.user}\n"
        f"tls on\ntls_starttls on\ntls_trust_file {account.authority}\n{shown}"
        f"auth {mechanism.lower()}\nuser {account.user}\n"
        f"passwordeval cat {_private(account.folder / 'secret', account.secret)}\n",
    )
    return _run(["msmtp", "-C", str(configuration), account.user], "Subject: msmtp\n\nx\n")


def curl(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """Curl, told by which mechanism; with a token it takes OAUTHBEARER wherever that is offered."""
    certificate = account.certificate
    who = ["--user", f"{account.user}:{account.secret}"]
    if mechanism in _BEARER:
        who = ["--user", account.user, "--oauth2-bearer", account.secret]
    elif mechanism == "EXTERNAL":
        who = ["--user", f"{account.user}:", "--cert", str(certificate.chain)]
        who += ["--key", str(certificate.key)]
    argv = ["curl", "-sS", "--ssl-reqd", "--cacert", str(account.authority), *who]
    argv += ["--login-options", f"AUTH={mechanism}", "--upload-file", "-"]
    argv += ["--mail-from", account.user, "--mail-rcpt", account.user]
    return _run([*argv, f"smtp://localhost:{account.port}/laptop"], "Subject: curl\r\n\r\nx\r\n")


def mutt(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """Mutt, which sends by itself."""
    user = account.user.replace("@", "%40")
    secret = _private(account.folder / "secret", account.secret)
    configuration = _private(
        account.folder / "muttrc",
        f'set from="{account.user}" hostname=laptop.test copy=no\n'
        f'set smtp_url="smtp://{user}@localhost:{account.port}/"\n'
        f'set smtp_pass="{account.secret}" smtp_authenticators="{mechanism.lower()}"\n'
        f'set smtp_oauth_refresh_command="cat {secret}"\n'
        f'set ssl_starttls=yes ssl_force_tls=yes certificate_file="{account.authority}"\n',
    )
    argv = ["mutt", "-n", "-F", str(configuration), "-s", "mutt", account.user]
    return _run(argv, "x\n", {"HOME": str(account.folder)})


def s_nail(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """S-nail, as the guide for port 443 configures mailx. What it calls OAUTHBEARER is XOAUTH2."""
    certificate = account.certificate
    method = "oauthbearer" if mechanism == "XOAUTH2" else mechanism.lower()
    user = account.user.replace("@", "%40")
    shown = ""
    if mechanism == "EXTERNAL":
        shown = (
            f'set tls-config-pairs="Certificate={certificate.chain},PrivateKey={certificate.key}"\n'
        )
    configuration = _private(
        account.folder / "mailrc",
        "account postroad {\nset v15-compat hostname=laptop.test sendwait\n"
        f"set from={account.user}\n"
        f"set mta=smtp://{user}:{account.secret}@localhost:{account.port}\n"
        f"set smtp-use-starttls smtp-auth={method}\n"
        f"set tls-verify=strict tls-ca-no-defaults tls-ca-file={account.authority}\n{shown}}}\n",
    )
    argv = ["s-nail", "-:u", "-A", "postroad", "-s", "s-nail", account.user]
    return _run(argv, "x\n", {"HOME": str(account.folder), "MAILRC": str(configuration)})


def swaks(account: Account, mechanism: str) -> subprocess.CompletedProcess[str]:
    """Swaks, told by which mechanism."""
    argv = ["swaks", "--server", f"localhost:{account.port}", "--tls", "--auth", mechanism]
    argv += ["--auth-user", account.user, "--auth-password", account.secret]
    return _run([*argv, "--from", account.user, "--to", account.user])


def _run(
    argv: Sequence[str], typed: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [needs.program(argv[0]), *argv[1:]],
        input=typed,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
        check=False,
        env=None if environment is None else {"PATH": "/usr/bin:/bin", **environment},
    )


def _private(file: Path, text: str) -> Path:
    file.touch(0o600)
    file.write_text(text)
    return file
