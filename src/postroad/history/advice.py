"""What to do about a refusal: a table, for operators who are not experts of mail.

The first entry whose pattern occurs in what was said is taken; the order is from the special to
the general. The patterns are words of replies and of the log, which are ours and Postfix's. An
advice says what the sender's side should do first, then what the operator could change here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["advice_for"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One entry.

    Attributes:
        pattern: occurs in the reply, or in the log's words.
        words: what to do; `{user}`, `{sender}`, `{recipient}`, `{domain}` (the recipient's),
            `{address}` (the client's), `{identities}` (what SPF is asked about: the sender, and the
            name in HELO), `{listener}` and `{mechanism}` are filled in.
        login: whether it is for clients that have logged in, or for others; `None` for both.
    """

    pattern: str
    words: str
    login: bool | None = None


_TABLE: tuple[Advice, ...] = (
    Advice(
        "Relay access denied",
        "{domain} is not a domain of this server, so only your users may send there, and this"
        " client has not logged in. In the mail program set the outgoing server to port 587 with"
        " STARTTLS (or to port 465 with SSL/TLS), and to use user name and password; the user name"
        " is the whole mail address. If the client is a machine of yours that cannot log in, add"
        " {address} to trusted_networks in [relay]. If mail for {domain} should be delivered here:"
        " postroad domain add {domain}",
        login=False,
    ),
    Advice(
        "Relay access denied",
        "{user} has logged in, but the relay list of listener {listener} has nothing that permits"
        " users. Put permit_sasl_authenticated into its list relay, or use another port.",
        login=True,
    ),
    Advice(
        "From header address rejected",
        "{user} may send as {sender}, but the From field of the message names somebody else. Set"
        " the name and address of the author in the mail program, give {user} that address too"
        " ([login] send_as), or let such mail pass: from_header of listener {listener}.",
    ),
    Advice(
        "not owned by user",
        "{user} may send as its own address and as aliases that lead to it, and {sender} is"
        " neither. Set the sender address in the mail program to {user}, or give that user the"
        " address: postroad alias add {sender} {user}",
    ),
    Advice(
        "not logged in",
        "{sender} belongs to one of your users, and nobody has logged in. Set the mail program to"
        " log in, on port 587 with STARTTLS or on port 465 with SSL/TLS. If it was a stranger, the"
        " refusal is right: somebody forged the address.",
    ),
    Advice(
        "Client host rejected: Access denied",
        "This port is for users who log in, and this client has not. In the mail program set"
        " authentication to a password, with the whole mail address as user name. If the client is"
        " another mail server, it should use port 25.",
        login=False,
    ),
    Advice(
        "Must issue a STARTTLS command first",
        "Nothing is taken on this port without encryption. Set the mail program's connection"
        " security to STARTTLS, or to SSL/TLS with port 465.",
    ),
    Advice(
        "User unknown in relay recipient table",
        "Mail of this domain is passed on to another server, and this address is not in the table"
        " that recipients in [domain] names. If it exists there, add it to the table. If not, the"
        " sender mistyped it.",
    ),
    Advice(
        "User unknown",
        "There is no such address here. If there should be: postroad user add {recipient}, or"
        " postroad alias add {recipient} and where it leads. If not, the sender mistyped it.",
    ),
    Advice(
        "need fully-qualified hostname",
        "The client calls itself by a name without a domain. Its operator should set the full"
        " name of that machine. A user of yours should log in on port 587 instead.",
    ),
    Advice(
        "need fully-qualified address",
        "The address lacks its domain. Write it in full, as in user@example.org.",
    ),
    Advice(
        "cannot find your hostname",
        "The address {address} has no name in the DNS that leads back to it. The operator of that"
        " machine sets such a name at the provider of the address (reverse DNS, PTR).",
    ),
    Advice(
        "cannot find your reverse hostname",
        "The address {address} has no name in the DNS. The operator of that machine sets one at the"
        " provider of the address (reverse DNS, PTR).",
    ),
    Advice(
        "Domain not found",
        "The domain has no mail server and no address in the DNS, or the DNS did not answer: see"
        " above. Look whether it is spelt right; if it is new, it takes some hours until all know"
        " of it.",
    ),
    Advice(
        "blocked using",
        "A list of known senders of unwanted mail has this client. The operator of that machine can"
        " ask the list, whose name is in the reply, for the reason and to be removed. To take its"
        " mail all the same, permit it by a check_client_access table before that rule.",
    ),
    Advice(
        "Greylisted",
        "Nothing is wrong: a sender that is not known yet has to try again, and mail servers do so"
        " by themselves. The mail comes some minutes later.",
    ),
    Advice(
        "Temporary lookup failure",
        "Something that a rule had to look up did not answer, so nothing could be decided. Look at"
        " what was asked above: the DNS, a table or a service. The sender tries again by itself.",
    ),
    Advice(
        "Server configuration",
        "A table or service of a rule above did not answer, or its answer is no result that there"
        " is. Mend it; postroad check finds most mistakes. The sender tries again by itself.",
    ),
    Advice(
        "4\\.7\\.13",
        "The account of {user} is frozen: it looked as if somebody else used it, or you froze it."
        " See why with postroad user show {user}. When the password is changed and all is well,"
        " postroad user unfreeze {user} lets it send again, and releases what was held.",
    ),
    Advice(
        "too many recipients|too much mail|too many AUTH|too many connections",
        "A limit was reached, and the client may go on when its time is over. If it is right that"
        " it sends so much, raise the limit in [limits] or [rates].",
    ),
    Advice(
        "Message rejected as spam",
        "The points above reached reject of that filter. If the mail was wanted: postroad spam"
        " threshold ADDRESS --reject never has such mail for this account taken, and filed in Junk;"
        " [filters.NAME.points] changes the points of single rules; postroad spam learn --ham"
        " teaches the built-in filter that mail of the kind is wanted.",
    ),
    Advice(
        "Message rejected, infected",
        "A virus scanner knows the content. If it is wrong about that, report it to those who make"
        ' the filter\'s program; infected = "hold" keeps such mail for you to look at.',
    ),
    Advice(
        "due to the DMARC policy",
        "The author's domain asks for this: neither the client (SPF) nor a signature (DKIM) shows"
        " that the mail is from there. If the sender is honest, it has to send by its own server,"
        " or to sign. If it was forwarded or came by a mailing list, name who brings it in [dmarc]"
        " forwarders or lists.",
    ),
    Advice(
        "Cannot verify now that the message is from|could not be examined now",
        "The DNS, or a filter, did not answer in time. The sender tries again by itself. If it"
        " happens often, look at [dns] servers, and in the log for who is slow.",
    ),
    Advice(
        "5\\.7\\.24",
        "There is a mistake in the record by which the sender's domain says who sends for it (SPF),"
        " and [spf] permerror_reject refuses such mail. postroad spf check {address} {identities}"
        " shows it; only the domain can mend it.",
    ),
    Advice(
        "SPF fail|5\\.7\\.23",
        "The sender's domain does not let {address} send for it: postroad spf check {address}"
        " {identities} shows each step. If the mail was forwarded, name the forwarder in [spf]"
        " skip_addresses or domain_whitelist.",
    ),
    Advice(
        "4\\.7\\.1 Service unavailable - try again|5\\.5\\.0 Service unavailable|error in a filter",
        "A filter did not answer, failed, or put the mail off by itself; above, and in the log, is"
        " which one and why. See that its program runs. What becomes of mail while it does not is"
        " said by on_failure of its section.",
    ),
    Advice(
        "message size exceeds|Message size",
        "The message is larger than [limits] message_size allows.",
    ),
    Advice(
        "Insufficient system storage",
        "The disk of this server is full, or cannot be written. The log tells more. The sender"
        " tries again by itself.",
    ),
    Advice(
        "timeout: the client sent nothing",
        "The client waits for a greeting, and this port begins with TLS. Set the mail program to"
        " SSL/TLS for this port, or to STARTTLS and port 587.",
    ),
    Advice(
        "timeout exceeded|Timeout",
        "The client fell silent. Often a firewall or a virus scanner on its side holds things up.",
    ),
    # Words of the log, about what is no refusal of mail.
    Advice(
        "too many failures before",
        "So many wrong passwords came for this name, or from this address, that no password is"
        " believed for a while. It ends by itself. See postroad ban list.",
    ),
    Advice(
        "authentication fail",
        "The user name or the password is wrong. The user name is the whole mail address. A new"
        " password is set by postroad user passwd ADDRESS. If nobody of yours tried this, somebody"
        " guesses passwords; such clients are banned by themselves, see postroad ban list.",
    ),
    Advice(
        "begins with TLS, and here SMTP begins in plain text",
        "The mail program is set to SSL/TLS, and this port begins without. Set it to STARTTLS for"
        " this port, or to SSL/TLS and port 465.",
    ),
    Advice(
        "wrong version number|record layer failure|packet length too long",
        "What the client sent where TLS should begin was no TLS: somebody typed by hand (telnet"
        " cannot speak TLS; use openssl s_client -starttls smtp -connect HOST:PORT), or a firewall"
        " or virus scanner between the two changed it, or a program is set to the wrong port.",
    ),
    Advice(
        "certificate expired",
        "The certificate of this server is no longer valid. Renew it, then reload the server.",
    ),
    Advice(
        "no suitable signature algorithm",
        "The client cannot use the kind of key of this server. Add a certificate with one of the"
        " other kind (RSA beside ECDSA) in [[tls.certificates]].",
    ),
    Advice(
        "closed the connection before the TLS handshake",
        "A port scan, or something that watches whether the port answers. Nothing is wrong.",
    ),
    Advice(
        "unknown ca|certificate unknown|bad certificate|does not trust our certificate",
        "The client does not trust the certificate of this server. Use a certificate of a known"
        " authority for the name that users have in their mail programs ([tls]); a self-signed one"
        " has to be accepted in each program.",
    ),
    Advice(
        "unsupported protocol|no shared cipher|protocol version",
        "The client is so old that it has no TLS version or cipher in common with this server."
        ' Bring it up to date. If that cannot be, [tls] profile = "old" still speaks with some.',
    ),
    Advice(
        "lost connection after (?:CONNECT|STARTTLS|EHLO|HELO|AUTH)",
        "The client went away before it said what it wanted: a scanner or a monitor, a program that"
        " did not like our certificate, or one that found no login. Nothing is wrong with this"
        " server unless a user complains.",
    ),
    Advice(
        "lost connection after",
        "The connection broke in the middle of a message. The client tries again, if it is a mail"
        " server or a mail program.",
    ),
)

_COMPILED = tuple((re.compile(each.pattern, re.IGNORECASE), each) for each in _TABLE)


def advice_for(said: str, *, logged_in: bool, names: dict[str, str]) -> str:
    """What to do about a refusal or a trouble; empty where nothing is known.

    Args:
        said: the reply, or the log's words.
        logged_in: whether the client had.
        names: what to fill in; see `Advice.words`. What strangers chose is quoted: operators copy
            commands into a shell.
    """
    for pattern, advice in _COMPILED:
        if advice.login in (None, logged_in) and pattern.search(said):
            return advice.words.format_map(names)
    return ""
