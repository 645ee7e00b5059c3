"""`sendmail`, `mailq` and `newaliases`, as every Unix program expects them.

A program of its own, beside `postroad`: cron jobs and web pages start it for each message, so what
it imports for that is next to nothing (`sendmail_options`, `sendmail_input`, `maildrop`). It needs
no server and no privilege: a message goes into the drop, where the server finds it. Options, words
and exit statuses are those of Postfix's sendmail(1), and of sysexits(3).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from postroad.cli.sendmail_input import Message
from postroad.cli.sendmail_options import Failure, Mode, Options, parse
from postroad.maildrop.drop import Writing
from postroad.maildrop.folder import DEFAULT, NEW, Facts, read_facts, read_plain
from postroad.maildrop.slip import Slip, SlipError

__all__ = ["main", "run"]

CONFIGURATION = "/etc/postroad/postroad.toml"
MAX_CONFIGURATION = 1 << 20  # octets; a configuration of a thousand domains has a tenth of it

REPORTS = "SUCCESS,FAILURE,DELAY"
"""What -v asks for: word of whatever becomes of the message."""


def main() -> None:
    """The `postroad-sendmail` program, under whatever name it is called."""
    os.umask(0o022)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    sys.exit(run(os.path.basename(sys.argv[0]), sys.argv[1:]))


def run(name: str, arguments: Sequence[str], configuration: str = "") -> int:
    """Do what the command line says.

    Args:
        name: what the program was called as.
        arguments: the words after that.
        configuration: the configuration file; empty: the usual one, or what -C says.

    Returns:
        The exit status.
    """
    try:
        return _do(parse(name, arguments), configuration)
    except Failure as failure:
        print(f"{name}: fatal: {failure.words}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return os.EX_TEMPFAIL
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody is there to be told
        return os.EX_OK


def _do(options: Options, configuration: str) -> int:
    for words in options.warnings:
        print(f"sendmail: warning: {words}", file=sys.stderr)
    if options.mode is Mode.NOTHING:
        return os.EX_OK
    if options.mode is Mode.NEWALIASES:
        print("aliases take effect when they change: there is nothing to do")
        return os.EX_OK
    if options.mode is Mode.DAEMON:
        raise Failure(os.EX_USAGE, "the server is started by `postroad serve`")
    folder = _folder(options.config or configuration)
    facts = _facts(folder)
    if options.mode in (Mode.MAILQ, Mode.FLUSH):
        from postroad.cli.sendmail_queue import flush, list_queue

        state = facts.state or os.path.dirname(folder)
        return list_queue(state, folder) if options.mode is Mode.MAILQ else flush(state, options)
    _require_permission(facts)
    if options.mode is Mode.SMTP:
        from postroad.cli.sendmail_session import converse

        return converse(folder, facts)
    return _enqueue(options, folder, facts)


def _enqueue(options: Options, folder: str, facts: Facts) -> int:
    sender = _sender(options)
    message = Message(partial(os.read, 0), ends_at_dot=options.ends_at_dot, limit=facts.header)
    found = message.recipients() if options.extracts else []
    recipients = [*options.recipients, *found]
    if not any(recipients):  # `""`, an unset variable of a script, is nobody
        words = "Recipient addresses must be specified on the command line or via the -t option"
        if options.extracts:
            words = "No recipient addresses found in message header"
        raise Failure(os.EX_USAGE, f"{_whose(options)}: {words}")
    if options.verp and sender in ("", "<>"):
        words = "-V option requires non-null sender address"
        raise Failure(os.EX_USAGE, f"{_whose(options)}: {words}")
    slip = Slip(
        sender,
        recipients,
        full_name=_printable(options.full_name or _full_name()),
        body=options.body,
        notify=options.notify or (REPORTS if options.reports else ""),
        ret=options.ret,
        envid=options.envid,
        is_gateway=options.is_gateway,
        verp=options.verp,
    )
    _store(message, slip, folder, facts, _whose(options))
    if options.reports:
        print(f"Mail Delivery Status Report will be mailed to <{sender}>.")
    return os.EX_OK


def _store(message: Message, slip: Slip, folder: str, facts: Facts, whose: str) -> None:
    """Read the message to its end and leave it in the drop; nothing remains of one that fails."""
    try:
        writing = Writing(folder, slip)
    except SlipError as error:
        raise Failure(os.EX_DATAERR, f"{whose}: {error}") from None
    except PermissionError as error:
        raise Failure(os.EX_NOPERM, f"{whose}: {error.filename}: no permission") from None
    except OSError as error:
        raise Failure(os.EX_TEMPFAIL, f"{whose}: cannot write to the drop: {error}") from None
    try:
        size = 0
        for chunk in message.chunks():
            size += len(chunk)
            if facts.size and size > facts.size:
                raise Failure(os.EX_UNAVAILABLE, f"{whose}: message file too big")
            writing.write(chunk)
        writing.finish()
    except OSError as error:
        raise Failure(os.EX_TEMPFAIL, f"{whose}: error writing queue file: {error}") from None
    finally:
        writing.discard()


def _folder(given: str) -> str:
    """The drop: of the configuration, where that can be read; else where it usually is."""
    path = given or CONFIGURATION
    if os.path.isdir(path):
        if os.path.isdir(os.path.join(path, NEW)):
            return path
        path = os.path.join(path, "postroad.toml")
    try:
        text = read_plain(path, MAX_CONFIGURATION)
    except ValueError as error:
        raise Failure(os.EX_CONFIG, f"{path}: {error}") from None
    except OSError as error:
        if given:  # a filter's mail is returned by EX_CONFIG, and waits by this
            raise Failure(os.EX_TEMPFAIL, f"{path}: {error.strerror}") from None
        return DEFAULT
    if given or b"state_directory" in text or b"sendmail" in text:
        from postroad.cli.sendmail_place import place

        return place(path, text)
    return DEFAULT


def _facts(folder: str) -> Facts:
    try:
        return read_facts(folder)
    except (OSError, ValueError) as error:
        words = f"there is no drop for mail in {folder} ({error}): has the server ever run?"
        raise Failure(os.EX_TEMPFAIL, words) from None


def _require_permission(facts: Facts) -> None:
    """Tell a user in time; the server is who enforces it."""
    uid = os.getuid()
    name = _login(uid) or str(uid)
    if uid and "*" not in facts.users and name not in facts.users and not _is_server(facts):
        raise Failure(os.EX_NOPERM, f"User {name}({uid}) is not allowed to submit mail")


def _is_server(facts: Facts) -> bool:
    try:
        return os.stat(facts.state).st_uid == os.getuid()
    except OSError:
        return False


def _sender(options: Options) -> str:
    if options.sender is not None:
        return options.sender
    name = _login(os.getuid())
    if not name:
        raise Failure(os.EX_OSERR, f"no login name found for user ID {os.getuid()}")
    return name


def _whose(options: Options) -> str:
    """Whose message it is, as Postfix's error messages begin."""
    uid = os.getuid()
    shown = options.sender if options.sender is not None else _login(uid)
    return f"{shown}({uid})"


def _login(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _full_name() -> str:
    """The user's, as the environment or else the system's accounts have it."""
    import pwd

    if name := os.environ.get("NAME", ""):
        return name
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        return ""
    login = account.pw_name
    return account.pw_gecos.partition(",")[0].replace("&", login[:1].upper() + login[1:])


def _printable(name: str) -> str:
    """A name as a header field may have it, whatever its octets were."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)


def _ended(_number: int, _frame: object) -> None:
    """Told to end before the message was taken: leave through all `finally`."""
    raise SystemExit(os.EX_TEMPFAIL)


if __name__ == "__main__":
    main()
