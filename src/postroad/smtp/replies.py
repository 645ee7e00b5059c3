"""The server's own words, as Postfix says them: users, scripts and log readers know these.

Enhanced codes are RFC 3463's. RFC 2034 §4 wants none on the greeting and on any response to HELO
and EHLO; 354 and 334 are of class 3, which has none. What policy, directory and spool say is
theirs.
"""

from __future__ import annotations

from postroad.model import Reply

__all__ = [
    "AUTHENTICATED",
    "MAIL_OK",
    "OK",
    "RCPT_OK",
    "READY_FOR_TLS",
    "START_CONTENT",
    "challenge",
    "greeting",
    "shutting_down",
    "timeout_exceeded",
    "too_many_connections",
    "too_many_errors",
]

MAX_QUOTED = 100
"""Characters of the client's words in a reply, whose line ends at 512 (RFC 5321 §4.5.3.1.5)."""

# Taken.
OK = Reply.of(250, "2.0.0", "Ok")
MAIL_OK = Reply.of(250, "2.1.0", "Ok")
RCPT_OK = Reply.of(250, "2.1.5", "Ok")
START_CONTENT = Reply.of(354, None, "End data with <CR><LF>.<CR><LF>")
READY_FOR_TLS = Reply.of(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply.of(235, "2.7.0", "Authentication successful")
BYE = Reply.of(221, "2.0.0", "Bye")

# Not a command.
NOT_RECOGNIZED = Reply.of(500, "5.5.2", "Error: command not recognized")
BAD_SYNTAX = Reply.of(500, "5.5.2", "Error: bad syntax")
BAD_UTF8 = Reply.of(500, "5.5.2", "Error: bad UTF-8 syntax")
LINE_TOO_LONG = Reply.of(500, "5.5.2", "Error: line too long")
BARE_LF = Reply.of(550, "5.5.2", "Error: bare <LF> received")
BARE_CR = Reply.of(550, "5.5.2", "Error: bare <CR> received")
NOT_IMPLEMENTED = Reply.of(502, "5.5.1", "Error: command not implemented")
NO_CHUNKING = Reply.of(521, "5.5.1", "Error: command not implemented")
NO_VRFY = Reply.of(502, "5.5.1", "VRFY command is disabled")
FORBIDDEN = Reply.of(221, "2.7.0", "Error: I can break rules, too. Goodbye.")

# Not now.
NEED_HELLO = Reply.of(503, "5.5.1", "Error: send HELO/EHLO first")
NEED_MAIL = Reply.of(503, "5.5.1", "Error: need MAIL command")
NEED_RCPT = Reply.of(503, "5.5.1", "Error: need RCPT command")
NESTED_MAIL = Reply.of(503, "5.5.1", "Error: nested MAIL command")
NO_RECIPIENTS = Reply.of(554, "5.5.1", "Error: no valid recipients")
IN_TRANSACTION = Reply.of(503, "5.5.1", "Error: MAIL transaction in progress")
NEED_TLS = Reply.of(530, "5.7.0", "Must issue a STARTTLS command first")
TLS_ACTIVE = Reply.of(554, "5.5.1", "Error: TLS already active")
OUT_OF_STEP = Reply.of(554, "5.5.0", "Error: SMTP protocol synchronization")

# Arguments.
SYNTAX_HELO = Reply.of(501, None, "Syntax: HELO hostname")
SYNTAX_EHLO = Reply.of(501, None, "Syntax: EHLO hostname")
SYNTAX_MAIL = Reply.of(501, "5.5.4", "Syntax: MAIL FROM:<address>")
SYNTAX_RCPT = Reply.of(501, "5.5.4", "Syntax: RCPT TO:<address>")
SYNTAX_DATA = Reply.of(501, "5.5.4", "Syntax: DATA")
SYNTAX_RSET = Reply.of(501, "5.5.4", "Syntax: RSET")
SYNTAX_STARTTLS = Reply.of(501, "5.5.4", "Syntax: STARTTLS")
SYNTAX_AUTH = Reply.of(501, "5.5.4", "Syntax: AUTH mechanism")
BAD_SENDER = Reply.of(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply.of(501, "5.1.3", "Bad recipient address syntax")
BAD_SIZE = Reply.of(501, "5.5.4", "Bad message size syntax")
BAD_AUTH = Reply.of(501, "5.5.4", "Bad AUTH parameter syntax")
NEED_SMTPUTF8 = Reply.of(553, "5.6.7", "Must declare SMTPUTF8 to send unicode address")

# Limits.
TOO_BIG = Reply.of(552, "5.3.4", "Message size exceeds fixed limit")
TEXT_LINE_TOO_LONG = Reply.of(554, "5.6.0", "Error: line of content too long")
TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Error: too many recipients")

# AUTH (RFC 4954 §4 and §6).
NO_AUTH = Reply.of(503, "5.5.1", "Error: authentication not enabled")
AUTH_NEEDS_TLS = Reply.of(
    504, "5.5.4", "Encryption required for requested authentication mechanism"
)
ALREADY_AUTHENTICATED = Reply.of(503, "5.5.1", "Error: already authenticated")
NO_MECHANISM = Reply.of(
    535, "5.7.8", "Error: authentication failed: Invalid authentication mechanism"
)
BAD_BASE64 = Reply.of(501, "5.5.2", "Error: authentication failed: Invalid base64 data")
AUTH_TOO_LONG = Reply.of(500, "5.5.6", "SASL response limit exceeded")
AUTH_ABORTED = Reply.of(501, "5.7.0", "Authentication aborted")


def greeting(hostname: str) -> Reply:
    """The 220 a session opens with."""
    return Reply.of(220, None, f"{hostname} ESMTP Postroad")


def challenge(text: str) -> Reply:
    """The 334 that asks for the next SASL response; `text` is base64 (RFC 4954 §4)."""
    return Reply.of(334, None, text)


def too_many_errors(hostname: str) -> Reply:
    """The 421 after the last error that was borne."""
    return Reply.of(421, "4.7.0", f"{hostname} Error: too many errors")


def timeout_exceeded(hostname: str) -> Reply:
    """The 421 for a client that fell silent, for `ServerCore.fail`."""
    return Reply.of(421, "4.4.2", f"{hostname} Error: timeout exceeded")


def too_many_connections(hostname: str, address: str) -> Reply:
    """The 421 in place of a greeting, for a client there is no room for."""
    return Reply.of(421, "4.7.0", f"{hostname} Error: too many connections from {address}")


def shutting_down(hostname: str) -> Reply:
    """The 421 for clients that are connected when the server ends, for `ServerCore.fail`."""
    return Reply.of(421, "4.3.2", f"{hostname} Service shutting down")


def unsupported_option(option: str) -> Reply:
    """A parameter of MAIL or RCPT that nobody offered (RFC 5321 §4.1.1.11), quoted in part."""
    words = option[:MAX_QUOTED].encode("ascii", "backslashreplace").decode()
    return Reply.of(555, "5.5.4", f"Unsupported option: {words}")


def repeated_option(name: str) -> Reply:
    """A parameter of MAIL that came twice."""
    return Reply.of(501, "5.5.4", f"Error: multiple {name} options")
