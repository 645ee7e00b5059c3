"""Mail programs as people use them: swaks, msmtp and s-nail, each run once for one message."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from peers import needs

__all__ = ["Submission", "msmtp", "s_nail", "swaks"]

_TIME_LIMIT = 60


class Submission:
    """An account at a submission port, as a mail program needs it.

    Args:
        port: on 127.0.0.1.
        user: the login name.
        password: the login's password.
        authority: the certificate file to trust.
    """

    def __init__(self, port: int, user: str, password: str, authority: Path) -> None:
        self.port = port
        self.user = user
        self.password = password
        self.authority = authority


def swaks(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run swaks; its output is the whole conversation."""
    argv = [needs.program("swaks"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False)


def msmtp(
    account: Submission,
    folder: Path,
    recipients: Sequence[str],
    message: bytes,
    *options: str,
) -> None:
    """Send a message with msmtp: STARTTLS, the certificate verified, login.

    Args:
        account: where to, and as whom.
        folder: for its configuration.
        recipients: addresses.
        message: header and body.
        options: of msmtp's command line, e.g. `--dsn-notify=success`.

    Raises:
        subprocess.CalledProcessError: it was not taken; `stderr` says why.
    """
    configuration = folder / "msmtprc"
    configuration.touch(0o600)
    configuration.write_text(
        f"account default\nhost 127.0.0.1\nport {account.port}\nfrom {account.user}\n"
        f"tls on\ntls_starttls on\ntls_trust_file {account.authority}\n"
        f"auth plain\nuser {account.user}\npassword {account.password}\n"
    )
    argv = [needs.program("msmtp"), "-C", str(configuration), *options, *recipients]
    subprocess.run(argv, input=message, check=True, timeout=_TIME_LIMIT, capture_output=True)


def s_nail(account: Submission, folder: Path, recipient: str, subject: str, text: str) -> None:
    """Send a text with s-nail, configured as the guide for port 443 configures mailx.

    Raises:
        subprocess.CalledProcessError: it was not taken; `stderr` says why.
    """
    configuration = folder / "mailrc"
    user = account.user.replace("@", "%40")
    configuration.write_text(
        "account myrelay {\n"
        "set v15-compat\n"
        f"set from={account.user}\n"
        f"set hostname=laptop.test\n"
        f"set mta=smtp://{user}:{account.password}@localhost:{account.port}\n"
        "set smtp-use-starttls smtp-auth=plain\n"
        "set tls-verify=strict tls-ca-no-defaults\n"
        f"set tls-ca-file={account.authority}\n"
        "set sendwait\n"
        "}\n"
    )
    argv = [needs.program("s-nail"), "-:u", "-A", "myrelay", "-s", subject, recipient]
    subprocess.run(
        argv,
        input=text.encode(),
        check=True,
        timeout=_TIME_LIMIT,
        capture_output=True,
        env={"MAILRC": str(configuration), "HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
