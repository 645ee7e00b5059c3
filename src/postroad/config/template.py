"""The first configuration file: every setting there is, said in a line, with its default.

What an operator must decide is written; everything else is a comment that shows the default, so
that the file is its own short manual. The tests load it, load it again with every comment mark
before a setting taken off, and compare what it shows with the real defaults.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

__all__ = ["first_configuration"]

_TEMPLATE = """\
# Postroad's configuration. `postroad check` names every mistake in it.
# A line that begins with "# name = value" shows a default: take the # off to change it.
# Durations: 300, "30s", "1h30m", "5d". Paths are relative to this file. 0 switches a limit off.

# The name of this server, as the rest of the world finds it in DNS.
hostname = @HOSTNAME@
# The domains whose mail is delivered here. More can be added with: postroad domain add
domains = @DOMAINS@
# Where mail, queue, accounts and keys are kept.
state_directory = @STATE@
# Processes that accept and deliver; 0 is one per core, up to four.
# workers = 0
# Whom to become after binding the ports, when started as root.
# user = "postroad"

# ---- Listeners: the doors. A name that is a preset's needs no more than its line. ----

# Mail from other servers, port 25: for our domains from anybody, else from trusted networks only.
[listeners.mx]
# Mail from our users, port 587: STARTTLS and login.
[listeners.submission]
# Mail from our users, port 465: TLS from the first byte and login.
[listeners.submissions]

# Another door, for networks that let only the web's port through.
# [listeners.firewall]
# preset = "submissions"           # mx, submission or submissions
# bind = [":443"]                  # ":443", "192.0.2.1:443" or "[2001:db8::1]:443"
# tls = "implicit"                 # starttls, implicit or none; the preset's unless said
# auth = true                      # whether users may log in; the preset's unless said
# Restriction lists by Postfix's names, each in place of the preset's own.
# [listeners.firewall.policy]
# client = ["permit_sasl_authenticated", "reject"]
# helo = []
# sender = ["reject_sender_login_mismatch"]
# relay = ["permit_sasl_authenticated", "reject"]
# recipient = ["reject_unlisted_recipient"]
# data = []

[tls]
# The certificate with its chain, and its key (PEM). `postroad init` made a self-signed pair in
# the state directory; name a real one here as soon as you have it. A certificate file that holds
# the key too needs no key line.
# certificate = "/etc/letsencrypt/live/@NAME@/fullchain.pem"
# key = "/etc/letsencrypt/live/@NAME@/privkey.pem"
# minimum_version = "TLSv1.2"      # or "TLSv1.3"
# handshake_timeout = 30

[relay]
# Clients that may send to any domain without a login (Postfix's mynetworks).
# trusted_networks = ["127.0.0.0/8", "::1/128"]
# One server that takes all mail for other domains (Postfix's relayhost), and the login there.
# smarthost = "[smtp.example.net]:587"
# username = "postroad@example.net"
# password_file = "smarthost.password"   # readable by the server's user only
# tls = "verify"                   # none, may, encrypt or verify; verify with a username, else may
# tls_wrapper = false              # true: TLS from the first byte, as port 465 wants it
# ca_file = "authorities.pem"      # in place of the system's

[limits]
# message_size = 52428800          # octets
# recipients = 1000                # for each message
# command_line = 2048              # octets
# text_line = 65536                # octets of one line of a message
# errors = 20                      # after which a client is sent away
# timeout = 300                    # for the client's next command or data
# transaction = 3600               # for one whole message, from MAIL to its last line
# sessions = 2000                  # clients at once, for each worker
# sessions_per_address = 50        # of one address, for each worker; not for trusted_networks

[intake]
# hop_limit = 50                   # Received fields after which a message is in a loop
# header_size = 1048576            # octets

[spool]
# inline_limit = 131072            # octets; a larger message is a file beside the database

[queue]
# minimal_backoff = 300            # between attempts, growing from the one to the other
# maximal_backoff = 4000
# lifetime = "5d"                  # after which a message is returned to its sender
# bounce_lifetime = "5d"           # after which such a return is given up
# active_limit = 10000             # recipients in memory at once
# destination_concurrency = 20     # deliveries at once to one destination
# initial_concurrency = 5          # the same, before any has succeeded
# concurrency = 100                # deliveries at once by one transport, for each worker
# recipients_per_delivery = 50

[delivery]
# mx_port = 25
# connect_timeout = 30
# command_timeout = 300
# data_timeout = 600
# idle_timeout = 5                 # how long a connection waits for the next message
# messages_per_connection = 100
# Catch all mail for other domains in this Maildir instead of sending it.
# capture = "captured"

[mailbox]
# The Maildir of an account: %u is its address, %n and %d the parts before and after the @. A
# relative path is below the state directory.
# path = "mail/%d/%n/Maildir"
# "maildir", or an LMTP server: "lmtp:unix:/run/dovecot/lmtp" or "lmtp:inet:127.0.0.1:24".
# transport = "maildir"

[directory]
# The database of accounts, domains and aliases; directory.db in the state directory unless said.
# file = "directory.db"
# recipient_delimiter = "+"        # john+lists@ is john@; "" switches it off
# password_threads = 2
# success_cache = 60               # how long a right password is remembered

[dns]
# The system's name servers are asked unless others are named.
# servers = ["127.0.0.1", "[::1]:53"]
# timeout = 5
# reverse = true                   # look up the names of clients

[log]
# format = "text"                  # or "json"
# name = "postroad"                # "postfix" lets tools made for its log read this one
# To standard error, unless a file is named.
# file = "mail.log"
"""


def first_configuration(hostname: str, domains: Sequence[str], state_directory: Path) -> str:
    """The text of a new configuration file.

    Args:
        hostname: the server's fully qualified name.
        domains: the domains whose mail is delivered here.
        state_directory: absolute, or relative to where the file will stand.
    """
    values = {
        "@HOSTNAME@": _text(hostname),
        "@DOMAINS@": f"[{', '.join(_text(domain) for domain in domains)}]",
        "@STATE@": _text(str(state_directory)),
        "@NAME@": hostname,
    }
    written = _TEMPLATE
    for mark, value in values.items():
        written = written.replace(mark, value)
    return written


def _text(value: str) -> str:
    """A TOML basic string, whose escapes are JSON's."""
    return json.dumps(value, ensure_ascii=False)
