"""`postroad serve --dev`: a whole server with nothing to configure, for trying things out.

High ports on loopback, a self-signed certificate, one account, and no way out: mail for other
domains is caught in a Maildir unless a smarthost is named. No network is trusted, not even
loopback, so that what a stranger would be refused is refused here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from postroad.app.log import CONSOLE_EVENTS, LogFile, console, formatter
from postroad.app.serve import run
from postroad.config import Configuration
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.directory import DirectoryEditor
from postroad.filters.settings import FilterSettings
from postroad.limits.settings import UNCOUNTED, GuessingSettings
from postroad.model.log_settings import LogSettings
from postroad.net.selfsigned import write_self_signed
from postroad.server.settings import ListenerSettings

__all__ = ["DevOptions", "run_dev"]

HOSTNAME = "mail.example.org"
DOMAIN = "example.org"
USER = "john@example.org"
PASSWORD = "summersun"  # noqa: S105 - the guides' own example, printed on every start
PORTS = {"mx": 2525, "submission": 2587, "submissions": 2465}


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What can be chosen.

    Attributes:
        state: where everything is kept.
        port_offset: added to each port, when others have the usual ones.
        smarthost: a relay for mail to other domains; empty to catch it.
    """

    state: Path = Path(".postroad-dev")
    port_offset: int = 0
    smarthost: str = ""


def run_dev(options: DevOptions) -> int:
    """Serve until told to stop; prints what to try first.

    Args:
        options: where and how.

    Returns:
        The exit status.
    """
    configuration = _configuration(options)
    _prepare_state(configuration)
    shown = str(configuration.delivery.capture or options.smarthost)

    def journals(current: Configuration) -> LogFile:
        file = LogFile(current.log.file, formatter(current.log, current.hostname))
        return LogFile(None, console(shown), only=CONSOLE_EVENTS, also=file)

    def announce(_: LogFile) -> None:
        print(_welcome(configuration), flush=True)  # noqa: T201 - what the command is for

    return run(configuration, lambda: configuration, journals, announce)


def _configuration(options: DevOptions) -> Configuration:
    state = options.state
    listeners = {
        name: ListenerSettings(bind=(f"127.0.0.1:{port + options.port_offset}",))
        for name, port in PORTS.items()
    }
    capture = None if options.smarthost else state / "outbound"
    return Configuration(
        hostname=HOSTNAME,
        domains=(DOMAIN,),
        state_directory=state,
        workers=1,
        user="root",
        listeners=listeners,
        relay=RelaySettings(trusted_networks=(), smarthost=options.smarthost),
        limits=UNCOUNTED,
        guessing=GuessingSettings(window=0),  # a developer who mistypes is no guesser
        delivery=DeliverySettings(capture=capture),
        filters={"spam": FilterSettings(kind="builtin", mail=("outside",))},
        log=LogSettings(file=state / "mail.log"),
    )


def _prepare_state(configuration: Configuration) -> None:
    """Make the certificate and the account, where an earlier run has not."""
    state = configuration.state_directory
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not configuration.certificate.exists():
        names = (configuration.hostname, "localhost", "127.0.0.1")
        write_self_signed(names, configuration.certificate, configuration.key)
    with DirectoryEditor.open(
        configuration.directory_file, domains=configuration.local_domains
    ) as directory:
        if not any(user.name == USER for user in directory.users()):
            directory.add_user(USER, PASSWORD)


def _welcome(configuration: Configuration) -> str:
    binds = {each.name: each.binds[0] for each in configuration.resolved_listeners}
    submission = binds["submission"]
    away = (
        f"caught in {configuration.delivery.capture}/new"
        if configuration.delivery.capture
        else f"sent through {configuration.relay.smarthost}"
    )
    inbox = configuration.maildir_template.replace("%d", DOMAIN).replace("%n", "john")
    return f"""\
Postroad runs here for development. Stop it with Ctrl-C.

  mail from other servers   {binds["mx"]}   for @{DOMAIN} only
  submission (STARTTLS)     {submission}
  submission (TLS)          {binds["submissions"]}
  account                   {USER}, password {PASSWORD}
  certificate               {configuration.certificate} (self-signed)
  john's mail               {inbox}/new
  mail for other domains    {away}
  log                       {configuration.log.file}

Send a first mail with swaks:

  swaks --server {submission} --tls --auth PLAIN \\
    --auth-user {USER} --auth-password {PASSWORD} \\
    --from {USER} --to lisa@example.com

or with Python, from this directory:

  import smtplib, ssl
  from email.message import EmailMessage

  mail = EmailMessage()
  mail["From"], mail["To"], mail["Subject"] = "{USER}", "lisa@example.com", "First mail"
  mail.set_content("Hello from Postroad.")
  trust = ssl.create_default_context(cafile="{configuration.certificate}")
  with smtplib.SMTP("localhost", {submission.port}) as server:
      server.starttls(context=trust)
      server.login("{USER}", "{PASSWORD}")
      server.send_message(mail)

Messages, as they pass:
"""
