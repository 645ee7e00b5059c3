"""The server's own words, as Postfix says them: users, scripts and log readers know these.

Enhanced codes are RFC 3463's. RFC 2034 §4 wants none on the greeting and on any response to HELO
and EHLO; 354 and 334 are of class 3, which has none. What policy, directory and spool say is
theirs.
"""

from __future__ import annotations

from postroad.model import Reply

__all__ = [
    "AUTHENTICATED",
    "HOLD_IS_OVER",
    "HOLD_TOO_LONG",
    "MAIL_OK",
    "OK",
    "QUEUING_STARTED",
    "RCPT_OK",
    "READY_FOR_TLS",
    "START_CONTENT",
    "UNABLE_TO_QUEUE",
    "challenge",
    "etrn_refused",
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
CANNOT_VERIFY = Reply.of(
    252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery"
)
QUEUING_STARTED = Reply.of(250, "2.0.0", "Queuing started")

# Not a command.
NOT_RECOGNIZED = Reply.of(500, "5.5.2", "Error: command not recognized")
BAD_SYNTAX = Reply.of(500, "5.5.2", "Error: bad syntax")
BAD_UTF8 = Reply.of(500, "5.5.2", "Error: bad UTF-8 syntax")
LINE_TOO_LONG = Reply.of(500, "5.5.2", "Error: line too long")
BARE_LF = Reply.of(550, "5.5.2", "Error: bare <LF> received")
BARE_CR = Reply.of(550, "5.5.2", "Error: bare <CR> received")
HIDDEN_END = Reply.of(550, "5.6.0", "Error: a line of NUL octets and a dot received")
NOT_IMPLEMENTED = Reply.of(502, "5.5.1", "Error: command not implemented")
NO_CHUNKING = Reply.of(521, "5.5.1", "Error: command not implemented")
FORBIDDEN = Reply.of(221, "2.7.0", "Error: I can break rules, too. Goodbye.")

# Not now.
NEED_HELLO = Reply.of(503, "5.5.1", "Error: send HELO/EHLO first")
NEED_LHLO = Reply.of(503, "5.5.1", "Error: send LHLO first")
NEED_MAIL = Reply.of(503, "5.5.1", "Error: need MAIL command")
NEED_RCPT = Reply.of(503, "5.5.1", "Error: need RCPT command")
NESTED_MAIL = Reply.of(503, "5.5.1", "Error: nested MAIL command")
NO_RECIPIENTS = Reply.of(554, "5.5.1", "Error: no valid recipients")
NO_LMTP_RECIPIENTS = Reply.of(503, "5.5.1", "Error: no valid recipients")  # RFC 2033 §4.2
IN_TRANSACTION = Reply.of(503, "5.5.1", "Error: MAIL transaction in progress")
NEED_TLS = Reply.of(530, "5.7.0", "Must issue a STARTTLS command first")
TLS_ACTIVE = Reply.of(554, "5.5.1", "Error: TLS already active")
MAIL_AFTER_BDAT = Reply.of(503, "5.5.1", "Error: MAIL after BDAT")
RCPT_AFTER_BDAT = Reply.of(503, "5.5.1", "Error: RCPT after BDAT")
DATA_AFTER_BDAT = Reply.of(503, "5.5.1", "Error: DATA after BDAT")
NEED_BDAT = Reply.of(503, "5.5.1", "Error: BODY=BINARYMIME needs BDAT")
NOT_AUTHORIZED = Reply.of(550, "5.7.0", "Error: insufficient authorization")
OUT_OF_STEP = Reply.of(554, "5.5.0", "Error: SMTP protocol synchronization")

# Arguments.
SYNTAX_HELO = Reply.of(501, None, "Syntax: HELO hostname")
SYNTAX_EHLO = Reply.of(501, None, "Syntax: EHLO hostname")
SYNTAX_LHLO = Reply.of(501, None, "Syntax: LHLO hostname")
SYNTAX_MAIL = Reply.of(501, "5.5.4", "Syntax: MAIL FROM:<address>")
SYNTAX_RCPT = Reply.of(501, "5.5.4", "Syntax: RCPT TO:<address>")
SYNTAX_DATA = Reply.of(501, "5.5.4", "Syntax: DATA")
SYNTAX_BDAT = Reply.of(521, "5.5.4", "Syntax: BDAT count [LAST]")
SYNTAX_RSET = Reply.of(501, "5.5.4", "Syntax: RSET")
SYNTAX_STARTTLS = Reply.of(501, "5.5.4", "Syntax: STARTTLS")
SYNTAX_AUTH = Reply.of(501, "5.5.4", "Syntax: AUTH mechanism")
SYNTAX_VRFY = Reply.of(501, "5.5.4", "Syntax: VRFY address [SMTPUTF8]")
SYNTAX_ETRN = Reply.of(500, "5.5.4", "Syntax: ETRN domain")
BAD_NODE = Reply.of(501, "5.5.4", "Error: invalid parameter syntax")
ATTRIBUTE_EXPECTED = Reply.of(501, "5.5.4", "Error: attribute=value expected")
ATTRIBUTE_TOO_LONG = Reply.of(501, "5.5.4", "Error: attribute value too long")
BAD_SENDER = Reply.of(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply.of(501, "5.1.3", "Bad recipient address syntax")
BAD_SIZE = Reply.of(501, "5.5.4", "Bad message size syntax")
BAD_AUTH = Reply.of(501, "5.5.4", "Bad AUTH parameter syntax")
BAD_RET = Reply.of(501, "5.5.4", "Bad RET parameter syntax")
BAD_ENVID = Reply.of(501, "5.5.4", "Bad ENVID parameter syntax")
BAD_NOTIFY = Reply.of(501, "5.5.4", "Error: Bad NOTIFY parameter syntax")
BAD_ORCPT = Reply.of(501, "5.5.4", "Error: Bad ORCPT parameter syntax")
BAD_HOLDFOR = Reply.of(501, "5.5.4", "Bad HOLDFOR parameter syntax")
BAD_HOLDUNTIL = Reply.of(501, "5.5.4", "Bad HOLDUNTIL parameter syntax")
HOLD_TWICE = Reply.of(501, "5.5.4", "Error: both HOLDFOR and HOLDUNTIL")
BAD_BY = Reply.of(501, "5.5.4", "Bad BY parameter syntax")
BAD_PRIORITY = Reply.of(501, "5.5.2", "Bad MT-PRIORITY parameter syntax")  # RFC 6710 §4.1
NEED_SMTPUTF8 = Reply.of(553, "5.6.7", "Must declare SMTPUTF8 to send unicode address")

# Limits.
TOO_BIG = Reply.of(552, "5.3.4", "Message size exceeds fixed limit")
CHUNK_TOO_BIG = Reply.of(552, "5.3.4", "Chunk exceeds message size limit")
TEXT_LINE_TOO_LONG = Reply.of(554, "5.6.0", "Error: line of content too long")
TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Error: too many recipients")
# RFC 4865 §4.3 has these treated as errors of syntax.
HOLD_TOO_LONG = Reply.of(501, "5.5.4", "Error: release too far in the future")
HOLD_IS_OVER = Reply.of(501, "5.5.4", "Error: release in the past")
UNABLE_TO_QUEUE = Reply.of(458, "4.3.0", "Unable to queue messages")

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


def greeting(hostname: str, protocol: str = "ESMTP") -> Reply:
    """The 220 a session opens with; `protocol` is `ESMTP` or `LMTP`."""
    return Reply.of(220, None, f"{hostname} {protocol} Postroad")


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


def etrn_refused(node: str) -> Reply:
    """The 459 for a site whose queue this client may not start (RFC 1985 §5.3)."""
    return Reply.of(459, "4.7.1", f"<{_quoted(node)}>: service unavailable")


def chunk_taken(size: int) -> Reply:
    """The 250 for a chunk that is not the last one (RFC 3030 §2)."""
    return Reply.of(250, "2.0.0", f"Ok: {size} bytes")


def chunk_discarded(size: int) -> Reply:
    """A chunk behind one that was refused."""
    return Reply.of(551, "5.0.0", f"Discarded {size} bytes after earlier error")


def unsupported_option(option: str) -> Reply:
    """A parameter of MAIL or RCPT that nobody offered (RFC 5321 §4.1.1.11), quoted in part."""
    return Reply.of(555, "5.5.4", f"Unsupported option: {_quoted(option)}")


def repeated_option(name: str) -> Reply:
    """A parameter of MAIL or RCPT that came twice."""
    return Reply.of(501, "5.5.4", f"Error: multiple {name} options")


def syntax_attributes(command: str) -> Reply:
    """XCLIENT or XFORWARD without attributes."""
    return Reply.of(501, "5.5.4", f"Syntax: {command} attribute=value...")


def unknown_attribute(command: str, name: str) -> Reply:
    """An attribute that XCLIENT or XFORWARD does not have."""
    return Reply.of(501, "5.5.4", f"Bad {command} attribute name: {_quoted(name)}")


def bad_attribute(name: str, value: str) -> Reply:
    """An attribute whose value has another form."""
    return Reply.of(501, "5.5.4", f"Bad {name} syntax: {_quoted(value)}")


def _quoted(words: str) -> str:
    """The client's words, in ASCII and not too many of them."""
    return words.encode("ascii", "backslashreplace").decode()[:MAX_QUOTED]
