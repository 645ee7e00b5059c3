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
# preset = "submissions"           # mx, submission, submissions or lmtp
# bind = [":443"]                  # ":443", "192.0.2.1:443", "[2001:db8::1]:443", "unix:/path"
# unix_mode = "0660"               # of sockets at unix: addresses, and to whom they belong:
# unix_owner = ""                  # "user" or "user:group"; the server's user unless said
# tls = "implicit"                 # starttls, implicit or none; the preset's unless said
# auth = true                      # whether users may log in; the preset's unless said
# plain_auth = false               # true: without TLS too, between programs of this machine only
# from_header = "ignore"           # mail from users in somebody else's name: ignore, warn or reject
# vrfy = "never"                   # who may ask whether an address exists: never, login or always
# future_release = "30d"           # the longest time for which users may have mail held back
# discard_ehlo_keywords = []       # extensions not to offer, such as ["CHUNKING"]
# transport = ""                   # by which mail for other domains leaves when it came in here
# Networks of proxies that begin each connection with a PROXY header (haproxy's send-proxy).
# proxy = []
# trusted_networks = []            # who relays here without a login; [relay]'s unless said
# milter_macro_daemon_name = ""    # what milters are told: the hostname; ORIGINATING for submission
# Networks of clients that may speak for others by XCLIENT, or tell of them by XFORWARD.
# xclient = []
# xforward = []
# content_filter = ""              # such as "spamassassin:", a program of [transports]
# filters = ["scanner"]            # of mail that comes in here; all of [filters] unless said
# taken_before = false             # true: behind a content filter; neither verified nor signed
# client_certificates = false      # whether clients are asked for a certificate; see [tls]
# Restriction lists by Postfix's names, each in place of the preset's own.
# [listeners.firewall.policy]
# client = ["permit_sasl_authenticated", "reject"]
# helo = []
# sender = ["reject_sender_login_mismatch"]
# relay = ["permit_sasl_authenticated", "reject"]
# recipient = ["reject_unlisted_recipient"]
# data = []
# end_of_data = []
# etrn = []
# delay_reject = true              # client, helo and sender are asked at RCPT
# reject_unlisted_recipient = true # whatever the lists say

[tls]
# The certificate with its chain, and its key (PEM). `postroad init` made a self-signed pair in
# the state directory; name a real one here as soon as you have it. A certificate file that holds
# the key too needs no key line.
# certificate = "/etc/letsencrypt/live/@NAME@/fullchain.pem"
# key = "/etc/letsencrypt/live/@NAME@/privkey.pem"
# Versions and ciphers by Mozilla's profiles: modern (TLS 1.3 only), intermediate or old.
# profile = "intermediate"
# minimum_version = "TLSv1.3"      # TLSv1.2 or TLSv1.3; the profile's unless said
# Whose certificates clients may show, to listeners with client_certificates = true.
# client_ca_file = "clients.pem"
# handshake_timeout = 30
# More certificates, for other names or with another kind of key (RSA beside ECDSA). A client gets
# the one for the name that it asks for.
# [[tls.certificates]]
# certificate = "mail.example.net.pem"
# key = "mail.example.net.key"
# names = ["mail.example.net"]     # those in the certificate unless said

[relay]
# Clients that may send to any domain without a login (Postfix's mynetworks).
# trusted_networks = ["127.0.0.0/8", "::1/128"]
# One server that takes all mail for other domains (Postfix's relayhost), and the login there.
# smarthost = "[smtp.example.net]:587"
# fallback = ""                    # tried where nobody else takes the mail (smtp_fallback_relay)
# sender_smarthosts = []           # tables by the sender (sender_dependent_relayhost_maps)
# username = "postroad@example.net"
# password_file = "smarthost.password"   # readable by the server's user only
# tls = "verify"                   # else as [outbound_tls] says, and verify where we log in
# tls_wrapper = false              # true: TLS from the first byte, as port 465 wants it
# ca_file = "authorities.pem"      # in place of the system's
# auth_parameter = false           # true: AUTH=<> with each sender, after the login
# logins = []                      # tables of logins by host (smtp_sasl_password_maps)
# sender_logins = false            # look for the sender in them first
# login_mechanisms = []            # all but these are left alone, such as ["SCRAM-SHA-256"]
# login_without_tls = false        # true: passwords go in plain text where there is no TLS
# login_pause = "10m"              # for which a refused login is not tried again
# Several that share the mail, by weight; smarthost is then tried after them.
# [[relay.smarthosts]]
# host = "[smtp1.example.net]:587"
# weight = 1

[routing]
# Which way mail goes: tables as Postfix's transport(5), and by the sender
# (sender_dependent_default_transport_maps). "postroad explain" shows what comes of them.
# transport = []                   # such as ["hash:/etc/postroad/transport"]
# sender_transport = []
# default_transport = "smtp"
# relay_domains = []               # domains of others whose mail goes by relay_transport
# relay_transport = "relay"

# ---- Transports of your own, for the tables above, as services of Postfix's master.cf. ----

# [transports.bulk]
# kind = "smtp"                    # smtp, lmtp, pipe, error, retry or discard
# nexthop = ""                     # where to, where a route does not say
# port = 0                         # of next hops without one; that of [delivery] unless said
# tls = "verify"                   # as in [relay] unless said
# tls_wrapper = false
# ca_file = "authorities.pem"
# helo = ""                        # our name there
# source_addresses = ["192.0.2.1 mx1.example.org", "2001:db8::1"]
# source_choice = "sticky"         # or "round_robin"
# fallback = ""
# username = "bulk@example.net"    # the login at every next hop of this transport
# password_file = "bulk.password"
# logins = []
# login_mechanisms = []
# connect_timeout = 30             # this and what follows: as in [delivery] unless said
# command_timeout = 300
# data_timeout = 600
# idle_timeout = 5
# messages_per_connection = 100
# A program that takes mail (Postfix's pipe(8)).
# [transports.program]
# kind = "pipe"
# command = ["/usr/bin/program", "-f", "${sender}", "--", "${recipient}"]
# user = ""                        # "account" or "account:group"; needs a server run as root
# directory = "/"
# flags = "Rq"
# eol = "lf"                       # or "crlf"
# null_sender = "MAILER-DAEMON"
# size_limit = 0
# recipients = 50
# processes = 20
# time_limit = 1000
# output_limit = 4096

# ---- Bearer tokens for the login of this name elsewhere, instead of a password. ----

# [tokens."postroad@example.net"]
# endpoint = "https://login.example.net/token"
# client_id = "postroad"
# client_secret_file = "client.secret"
# client_authentication = "post"   # or "basic"
# refresh_token_file = "refresh.token"   # without: the client's own credentials are asked with
# scope = ""
# ca_file = "authorities.pem"
# timeout = 10

# ---- How much a new source address sends on which day. ----

# [warmup."192.0.2.1"]
# start = "2026-11-01"
# schedule = "double from 50 to 50000"   # or "50, 100, 200"; for each large provider by itself
# groups = {}                      # others for some of them: { google = "20, 40, 80" }
# beyond = "others"                # leave by the other source addresses; or "wait"
# slow_down = true                 # halve the day's share when a provider wants it slower

[policy]
# What the restriction lists of all listeners share. Lists of your own, to be named in lists:
# classes = { careful = ["reject_unknown_helo_hostname", "reject_unknown_sender_domain"] }
# Refusals of DNS lists: their text, and a table of texts for single lists.
# default_rbl_reply = "$rbl_code 5.7.1 $rbl_what is listed by $rbl_domain"
# rbl_reply_maps = ""
# relay_clientcerts = ""           # a table of fingerprints, for permit_tls_clientcerts
# mx_backup_networks = []          # of other mail exchangers, for permit_mx_backup
# unknown_address_reject_code = 450
# unknown_client_reject_code = 450
# unknown_hostname_reject_code = 450
# unverified_recipient_reject_code = 450
# unverified_sender_reject_code = 450

# Sites that may ask for their queue with ETRN: clients by network, users by account.
# [etrn."branch.example.net"]
# networks = ["192.0.2.0/24"]
# users = ["branch@example.org"]

[login]
# SASL mechanisms, such as ["PLAIN", "LOGIN"]. Empty: the usual ones, where they can be had.
# mechanisms = []
# Accounts that may log in as others: addresses, or "*@example.org" for a whole domain.
# act_as = { "admin@example.org" = ["*@example.org"] }
# Addresses that accounts may send as, besides their own and the aliases that deliver to them.
# send_as = { "office@example.org" = ["boss@example.org", "*@example.net"] }
# catch_all_senders = false        # true: who gets a catch-all's mail may send as all it catches
# sender_login_maps = "hash:/etc/postroad/senders"   # who may send as what, in place of all that
# broken_clients = false           # announce AUTH once more, for programs of the last century

[limits]
# message_size = 52428800          # octets
# recipients = 1000                # for each message
# command_line = 2048              # octets
# text_line = 65536                # octets of one line of a message
# errors = 20                      # after which a client is sent away
# soft_errors = 10                 # after which each answer is late
# error_pause = "1s"               # by so much
# timeout = 300                    # for a client's next command, and for content to lag behind
# data_rate = 500                  # octets of content in a second, so as not to
# transaction = 3600               # for one whole message, from MAIL to its last line
# sessions = 2000                  # clients at once, for each worker
# What one client may do, counted over all workers; trusted_networks are not counted. A network is
# a /24 of IPv4 or a /64 of IPv6.
# sessions_per_address = 50        # at once
# sessions_per_network = 200
# sessions_per_user = 50           # logged in as one user
# connections_per_address = 300    # in a minute
# connections_per_network = 1200
# logins_per_address = 120         # AUTH commands in a minute
# messages_per_network = 10000     # in an hour, of clients that are not logged in
# recipients_per_network = 20000
# bytes_per_network = 0            # octets; not counted
# messages_per_user = 2000         # in an hour
# recipients_per_user = 5000
# bytes_per_user = 2000000000

# Rates of your own: count messages, recipients, bytes, connections, tls_sessions or logins, per
# client, network, user, sender or sender_domain, and how many may be in which window.
# [rates.newsletters]
# count = "recipients"
# per = "user"
# limit = 500
# window = "1d"
# listeners = ["submission", "submissions"]   # all unless said

[guessing]
# Who fails to log in is answered later each time, then banned: see "postroad ban list".
# window = 3600                    # over which failed logins are counted
# failures_per_address = 10        # then the address is banned
# failures_per_network = 50        # then the network is
# failures_per_user = 30           # then strange networks cannot log in as that user
# delay = 1                        # before the answer, growing from the one to the other
# longest_delay = 16
# ban = "1h"                       # growing from the one to the other when it repeats itself
# longest_ban = "7d"
# remember = "30d"                 # how long a network that logged in is not a strange one

[greylist]
# How long strangers wait, where a list has "greylist": see "postroad greylist list".
# delay = 300                      # until one that comes again may pass
# retry_window = "2d"              # within which it has to come again
# remember = "35d"                 # how long one that passed is known after its last mail
# auto_whitelist_clients = 5       # networks that passed so often need not wait any more
# known_senders = true             # nor need those whom our users wrote to
# entries = 100000                 # remembered of each kind

[verification]
# How addresses are probed, where a list has "reject_unverified_recipient" or "…_sender".
# sender = ""                      # of probes; double-bounce@ and the host name unless said
# poll = 6                         # how long a client waits for a probe
# positive_expire = "31d"          # how long a good result is good, and when it is renewed
# positive_refresh = "7d"
# negative_expire = "3d"           # the same of a bad one
# negative_refresh = "3h"
# unknown_refresh = 300            # when a probe without a result is made again
# probes = 20                      # at once, for each worker
# entries = 100000                 # addresses remembered

[suppression]
# Addresses elsewhere that refused mail as there is no such mailbox are not written to again for a
# while: see "postroad suppression list".
# enabled = false
# bounces = 2                      # refusals after which an address is suppressed
# within = "14d"                   # in which they have to come
# duration = "30d"                 # how long it is suppressed
# scope = "server"                 # or "sender_domain": only for senders of that domain
# entries = 100000                 # addresses remembered

[tls_reports]
# Daily reports about TLS (RFC 8460): to domains that ask for them, and from others about yours.
# send = true                      # unless said: where a DKIM key signs for from_address
# from_address = ""                # their author; postmaster@ and the first domain unless said
# contact = ""                     # whom to ask; the author unless said
# organization = ""                # the first domain unless said
# keep = "30d"                     # how long reports are remembered
# receive = []                     # such as ["tls-reports@example.org"]; "postroad tls-reports"

[dmarc_reports]
# Daily reports on DMARC (RFC 9990): to domains that ask for them, and from others about yours.
# send = true                      # unless said: where a DKIM key signs for from_address
# from_address = ""                # their author; postmaster@ and the first domain unless said
# contact = ""                     # whom to ask; the author unless said
# organization = ""                # the first domain unless said
# format = "rfc7489"               # or "rfc9990", which not everybody reads yet
# exclude = []                     # domains that are told nothing, with all below them
# own_domains = false              # true: your own domains are told as well
# keep = "30d"                     # how long reports are remembered
# receive = []                     # such as ["dmarc@example.org"]; "postroad dmarc reports"

[containment]
# An account that behaves as if its password were stolen is frozen: it cannot send until you say
# "postroad user unfreeze". Each number is how many are not too many; 0 switches its rule off.
# action = "freeze"                # or "warn", which only tells you; or "none"
# notify = []                      # who is told by mail; the postmaster unless said
# exempt = []                      # such as ["newsletter@example.org", "*@lists.example.org"]
# burst_window = "10m"             # in which are too many:
# burst = 2500                     # recipients
# unusual_burst = 500              # recipients, from where the account never was before today,
# unusual_factor = 10              # so many times as much as it ever sent
# window = "1h"                    # in which are too many:
# networks = 20                    # networks (/16, /32) to log in from
# unknown_recipients = 100         # different ones that do not exist
# foreign_senders = 20             # different ones that are not the account's own
# limited = 1000                   # refusals by [limits]
# bounce_window = "1d"             # in which are too many:
# bounces = 100                    # recipients refused by their servers, and
# bounce_share = 20                # percent of all recipients

[intake]
# hop_limit = 50                   # Received fields after which a message is in a loop
# header_size = 1048576            # octets
# examination_timeout = "5m"       # for all who look at a message's content, together

[forwarding]
# srs = true                       # forwarded mail goes out under an address of this server
# domain = ""                      # of these addresses; the first of `domains` if empty
# maximum_age = "21d"              # for how long a bounce finds its way back
# key_lifetime = "90d"             # after which a new key signs; 0: never
# bounces_only = true              # rewritten addresses take mail without a sender, nothing else
# extensions = true                # john+lists to info+lists, where john is an alias for info
# loops = true                     # what was delivered at an alias is not forwarded from it again

[sendmail]
# Mail from cron, web pages and other programs of this machine, by "postroad-sendmail".
# enabled = true
# directory = "maildrop"           # in the state directory
# users = ["*"]                    # who may send, by login name
# queue_users = ["*"]              # who may list the queue by "mailq", by login name
# origin = ""                      # the domain of bare names; the first of "domains" unless said
# sender_check = false             # true: only as LOGIN@ORIGIN, and what "senders" gives
# senders = {}                     # such as { www-data = ["shop@example.org"] }
# messages_per_user = 0            # in an hour; more of them wait
# interval = "10s"                 # between looks, if nobody says that there is something
# taken_before = []                # users that content filters run as: what they leave is no user's
# filters = ["scanner"]            # of this mail; all of [filters] unless said

# ---- Filters: who looks at mail before it is taken, in this order. A section has the keys of
# its kind. ----

[filters.spam]
# Postroad's own filter: rules, and a memory of what readers call junk. Mail with 5 points is filed
# in the folder Junk, mail with 15 is refused. "postroad spam explain FILE" says why.
kind = "builtin"
mail = ["outside"]
on_failure = "accept"
# points = {}                      # of single rules, such as { HTML_ONLY = 0, SPF_FAIL = 2.5 }
# client_lists = {}                # DNS lists, such as { "bl.example.net" = 3.0 }; none is asked
# domain_lists = {}                # lists of domains: sender, author and links
# learn = "user"                   # from moves to Junk and back: no, user, both (and all), site
# learn_every = 60                 # seconds between two looks at folders

# [filters.scanner]
# kind = "spamassassin"            # milter, spamassassin, rspamd, clamav, builtin or python
# on_failure = "defer"             # while it does not answer: defer, accept, reject or hold
# timeout = 60                     # seconds, for each step of a session and for a message
# max_size = 0                     # octets; larger messages pass it by
# mail = ["outside", "ours"]       # from strangers, from users and this machine, "made" here
# socket = ""                      # "inet:127.0.0.1:783"
# user = ""                        # whose preferences; "" is spamd's own user
# user_per_account = false         # true: those of the one account that a message is for
# What is done by its score; accounts have their own by "postroad spam threshold".
# tag = 0                          # from which score on it is written; always unless said
# junk = 5                         # to the folder Junk
# reject = 15                      # refused; 0 is never
# [filters.rspamd]
# kind = "rspamd"
# url = "http://127.0.0.1:11333"   # or https, or "unix:/run/rspamd/normal.sock"
# password_file = "rspamd.password"
# greylist = "ignore"              # or "defer", where rspamd says so
# [filters.virus]
# kind = "clamav"                  # "socket" is "unix:/run/clamav/clamd.ctl" unless said
# infected = "reject"              # or "hold", in the queue
# [filters.milter]
# kind = "milter"                  # "socket" is "unix:/path" or "inet:host:port"
# socket = "inet:127.0.0.1:8891"
# protocol = 6
# connect_timeout = 30
# command_timeout = 30             # for each answer before the content
# macros = {}                      # such as { connect = ["j", "{client_addr}"] }
# macro_values = {}                # such as { "{team}" = "red" }
# [filters.mine]
# kind = "python"                  # programs of yours: every *.py of a folder, or one file
# folder = "filters"
# [filters.mine.settings]          # what their setup is given
# archive = "archive@example.org"
# [filters.single]
# kind = "python"
# file = "tag.py"

[authentication]
# What is verified of mail from strangers, and told in its header: SPF, DKIM, DMARC and ARC.
# verify = true
# id = ""                          # under which name; the hostname unless said
# timeout = "30s"                  # for all of one message

[spf]
# What the restriction "check_spf" refuses; it stands in no list unless you put it there.
# mail_from_reject = "fail"        # or "softfail", "not_pass", "never"
# helo_reject = "fail"             # or "null" as well: only for the null sender
# permerror_reject = false
# temperror_defer = false
# skip_addresses = ["127.0.0.0/8", "::1/128"]
# domain_whitelist = []            # forwarders, known by their own SPF records
# helo_whitelist = []              # forwarders, known by the address of their name in HELO
# timeout = "20s"                  # for one check

[dmarc]
# verify = true
# enforce = true                   # false: what a domain asks for is told, and not done
# organizational_domain = "tree-walk"   # or "suffix-list"
# on_reject = "reject"             # or "quarantine": p=reject files as junk
# on_temperror = "accept"          # or "defer"
# unclear_author = "accept"        # or "quarantine", "reject": who has no From that can be read
# forwarders = []                  # addresses, networks or domains that are believed
# lists = []                       # the same of mailing lists
# exempt = []                      # authors' domains whose policy is not carried out

[arc]
# verify = true
# trusted_sealers = []             # whose word counts where DMARC fails
# seal = false                     # true: mail from outside that leaves again is sealed
# domain = ""                      # whose keys seal; the hostname's, or of a domain above it

[dkim]
# Mail of your users is signed with the keys of "postroad dkim create", once their records are
# published.
# sign = true
# bits = 2048                      # of new RSA keys; there is an Ed25519 key beside each
# expiry = 0                       # such as "14d": signatures are good for so long
# sign_unpublished = false         # true: a new key signs before its record was seen in the DNS
# check_every = "5m"               # between two looks for the records of new keys
# retire = "7d"                    # for how long the record of a replaced key is to stay
# What is signed as often as it is there, and what is signed once more, so that none can be added.
# signed_headers = ["Sender", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"]
# oversigned_headers = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To"]
# Keys of yours in files, which are published already.
# [[dkim.keys]]
# domain = "example.org"
# selector = "mail"
# file = "dkim/mail.private"       # PEM; readable by the server's user
# [dkim.domain."lists.example.org"]
# sign = true
# signer = ""                      # sign in the name of this domain instead
# selectors = []                   # only with these keys

[spool]
# inline_limit = 131072            # octets; a larger message is a file beside the database
# min_free = 268435456             # octets that new mail leaves free on the disk
# min_free_inodes = 1000           # files and directories, likewise

[queue]
# minimal_backoff = 300            # between attempts, growing from the one to the other
# maximal_backoff = 4000
# retry = []                       # or the pauses themselves: ["5m", "10m", "30m", "1h", "4h"]
# lifetime = "5d"                  # after which a message is returned to its sender
# bounce_lifetime = "5d"           # after which such a return is given up
# bounce_size_limit = 50000        # octets of a message that may go back whole if asked for
# double_bounce_to = ""            # who is told of a return that cannot be delivered
# delay_warning = "4h"             # after which a sender is told that mail still waits
# delay_warning_to = "asked"       # those who asked for it (NOTIFY=DELAY); or "everybody"
# soft_bounce = false              # true: a refusal for good is tried again, as one for now
# defer_transports = []            # whose mail waits: "smtp", "dest:example.net"
# active_limit = 10000             # recipients in memory at once
# destination_concurrency = 20     # deliveries at once to one destination
# initial_concurrency = 5          # the same, before any has succeeded
# concurrency = 100                # deliveries at once by one transport, for each worker
# recipients_per_delivery = 50

# What holds for some mail instead: for a domain ("gmail.com"), all below one (".example.com"), a
# site, which is the domain of the mail hosts, or a transport. The nearest that has a key counts.
# [destinations."site:outlook.com"]
# concurrency = 10                 # deliveries at once, of all workers
# initial_concurrency = 2
# rate = "120/min"                 # or per s, h or d; evenly spaced
# messages_per_connection = 20
# recipients_per_delivery = 10
# retry = ["10m", "30m", "1h", "4h"]
# priority = 0                     # added to that of each message, -9 to 9

# [destinations."transport:smtp"]
# minimal_backoff = "10m"
# maximal_backoff = "2h"
# total_concurrency = 200          # deliveries at once of this transport, for each worker

[delivery]
# mx_port = 25
# connect_timeout = 30
# command_timeout = 300            # for the reply to a command
# greeting_timeout = 300           # this one and the next four: left out, by command_timeout
# mail_timeout = 300
# rcpt_timeout = 300
# data_init_timeout = 120          # for the reply to DATA
# data_block_timeout = 180         # for 64 KiB of a message to be taken
# data_timeout = 600               # for the reply to the end of a message
# transaction_timeout = "1h"       # for all of that together
# idle_timeout = 5                 # how long a connection waits for the next message
# messages_per_connection = 100
# connection_lifetime = "5m"
# address_family = "prefer_ipv4"   # or prefer_ipv6, any, ipv4, ipv6
# fallback_delay = 0.25            # before an address of the other family is tried beside it
# address_limit = 5                # addresses tried in one attempt
# session_limit = 2                # hosts that a message is offered to in one attempt
# private_exchangers = true        # whether MX records may lead to private addresses
# chunking = true                  # BDAT where it is offered
# convert_8bit = true              # 8-bit mail for hosts without 8BITMIME becomes quoted-printable
# source_addresses = []            # ours to connect from: ["192.0.2.1 mx1.example.org"]
# source_choice = "sticky"         # one for each next hop; or "round_robin"
# Catch all mail for other domains in this Maildir instead of sending it.
# capture = "captured"

[outbound_tls]
# What TLS to other servers has to be: none, may, encrypt, fingerprint, verify, secure, dane or
# dane-only, as Postfix's smtp_tls_security_level. For a smarthost, "tls" in [relay] says it.
# security_level = "may"
# policy = []                      # tables with a level for each destination (smtp_tls_policy_maps)
# dane = "auto"                    # at "may": match TLSA records where there are any; or "never"
# mta_sts = true                   # go by the policies that domains publish (MTA-STS)
# mta_sts_timeout = 15
# mta_sts_refresh = "1d"           # after which a policy is fetched again
# protocols = ">=TLSv1.2"
# ciphers = "medium"               # or "high"
# ca_file = "authorities.pem"      # in place of the system's
# verify_match = ["hostname"]
# secure_match = ["nexthop", "dot-nexthop"]
# fingerprint_match = []
# fingerprint_digest = "sha256"
# certificate = "client.pem"       # shown to servers that ask for one
# key = "client.key"

[mailbox]
# The Maildir of an account: %u is its address, %n and %d the parts before and after the @. A
# relative path is below the state directory.
# path = "mail/%d/%n/Maildir"
# "maildir", or an LMTP server: "lmtp:unix:/run/dovecot/lmtp" or "lmtp:inet:127.0.0.1:24".
# transport = "maildir"
# Dovecot's forms are known: "maildir:~/Maildir", "%Ln", ":LAYOUT=fs". A directory may name homes
# and mail as well, but only below these roots, or else below the folder that path begins with.
# home = ""                        # of accounts without one: "/var/vmail/%d/%n"
# roots = []
# Whose the files are: the server's own, shared with a group that the server is in, or another
# user's, if the server is started as root. A directory may name owners, too: of those allowed here.
# user = ""                        # empty: the user that the server runs as
# group = ""
# uids = ["500-"]                  # numbers, ranges, names; never 0
# gids = ["500-"]
# mode = "0700"                    # of folders; "2770" shares them with the group
# file_mode = "0600"
# What an account may have where its directory does not say; "" and 0: no limit.
# quota = ""                       # "1G"
# quota_messages = 0
# quota_grace = "10%"              # the last message may exceed it by so much
# quota_warnings = [80, 95]        # per cent at which the account gets a mail
# quota_full = "defer"             # or "bounce": mail that is here and finds no room
# detail_folders = "off"           # john+lists@ to the folder lists: "existing" or "create"
# junk_folder = "Junk"             # for what is spam; "" is the inbox
# trash_folders = ["Trash", "Deleted Messages", "Deleted Items"]   # junk in there is not good mail

[directory]
# All directories in the order they are asked; "embedded" is this one, and the first unless said.
# order = []
# postmaster = ""                  # gets mail for the postmaster of a domain that names nobody
# The database of accounts, domains and aliases; directory.db in the state directory unless said.
# file = "directory.db"
# recipient_delimiter = "+"        # john+lists@ is john@; "" switches it off
# patterns = false                # whether aliases by regular expression are asked
# password_threads = 2
# success_cache = 60               # how long a right password is remembered
# default_scheme = "CRYPT"         # of a stored hash without {SCHEME}
# rehash = true                    # make old hashes Argon2id when their owners log in
# secrets = ["SCRAM-SHA-256"]      # kept beside the hash: SCRAM-SHA-256, SCRAM-SHA-1
# Accounts of client certificates, such as "sha256:AB:CD..." = "john@example.org".
# certificates = {}

# ---- Other directories of accounts; a section has the keys of its kind. ----

# [directories.database]
# kind = "sql"
# domains = []                     # asked about these only; all unless said
# timeout = 10                     # seconds; then senders come again
# pool = 2                         # connections of each worker
# cache = 10                       # seconds an answer is remembered
# negative_cache = 2               # the same for "there is none"
# driver = "mysql"                 # sqlite, postgresql, mysql or sqlalchemy
# hosts = []                       # this machine unless said
# database = "mailserver"
# username = "mailserver"
# password_file = "database.password"
# tls_ca_file = "authorities.pem"
# preset = "ispmail"               # or ispmail-debian7, ispmail-etch, or queries of your own:
# domain_query = ""
# user_query = ""
# password_query = ""
# alias_query = ""
# sender_query = ""
# accounts_query = ""
# default_scheme = ""

# [directories.small]
# kind = "sql"
# driver = "sqlite"
# file = "accounts.db"
# preset = "ispmail"

# [directories.elsewhere]
# kind = "sql"
# driver = "sqlalchemy"            # any database that this library knows, such as
# url = "sqlite:///accounts.db"    # oracle+oracledb://postroad@db.example.org/accounts
# user_query = "SELECT email AS username, password FROM users WHERE email='%u'"

# [directories.people]
# kind = "ldap"
# urls = ["ldap://ldap.example.org"]
# start_tls = false
# reader_dn = ""
# bind_dn = "uid=%n,ou=people,dc=example,dc=org"
# base = ""
# scope = "sub"
# user_filter = ""
# auth_bind = false
# alias_filter = ""
# domain_filter = ""
# attributes = {}

# [directories.dovecot]
# kind = "dovecot"
# socket = "/var/spool/postfix/private/auth"
# userdb_socket = ""
# username_format = "%u"
# mechanisms = []                  # passed on to it, such as ["SCRAM-SHA-256", "CRAM-MD5"]
# default_domain = ""

# [directories.files]
# kind = "files"
# passwd = "users"
# local_domains = []
# virtual = []
# aliases = []
# mailbox = []
# mailbox_base = "/var/vmail"
# domain_tables = []
# allow_commands = false
# allow_files = false
# command_user = ""
# command_time_limit = 1000

# [directories.system]
# kind = "pam"
# service = "postroad"
# service_directory = "/etc/pam.d"
# minimum_uid = 1000
# use_homes = false

# ---- Single domains: local with ways of their own, relayed, or an alias of another. ----

# [domain."example.net"]
# kind = "local"
# transport = ""                   # as [mailbox] unless said
# directories = []                 # who knows its addresses; all unless said
# mail_user = ""                   # who owns its mail; as [mailbox] unless said
# mail_group = ""

# [domain."partner.example"]
# kind = "relay"
# recipients = "verify"            # or "any", or a table of those that exist
# nexthop = ""

# [domain."example.com"]
# kind = "alias"
# alias_of = "example.net"

# ---- Sockets by which another mail server uses our accounts. ----

# [sockets.postfix]
# kind = "dovecot-auth"            # or dovecot-dict, socketmap
# bind = "unix:/run/postroad/auth" # or "127.0.0.1:2601"; Postfix's smtpd_sasl_path
# unix_mode = "0660"
# unix_owner = ""                  # "postfix" or "postfix:postfix"
# plain_auth = false               # passwords of clients without TLS, too
# clients = 500
# idle_timeout = 3600

[oauth]
# Whose bearer tokens are good for a login (OAUTHBEARER, XOAUTH2): signed ones, by their keys …
# issuer = "https://login.example.org"
# audience = "postroad"
# key_set = ""                     # "https://login.example.org/keys", or a file:
# key_set_file = "keys.json"
# … or any, by asking the issuer about each.
# introspection = ""               # "https://login.example.org/introspect"
# client_id = ""
# client_secret_file = "oauth.secret"
# user_claim = "email"             # what in a token names the account; needs email_verified
# scopes = []                      # all of them must be granted
# algorithms = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
# cache = 3600                     # how long keys are kept
# introspection_cache = 30
# leeway = 60                      # by how much clocks may differ
# timeout = 5
# ca_file = "authorities.pem"      # in place of the system's

[history]
# What was decided and why, for "postroad why"; "0" as keep: nothing is remembered.
# keep = "7d"
# size = 268435456                 # octets on disk; the oldest go first
# in_replies = false               # true: refusals end with an identifier to ask "postroad why" for

[dns]
# The system's name servers are asked unless others are named.
# servers = ["127.0.0.1", "[::1]:53"]
# timeout = 5
# reverse = true                   # look up the names of clients
# Whether what they say of DNSSEC counts, for DANE; those on this machine are believed unless said.
# validating = true

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
