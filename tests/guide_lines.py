"""What the five guides write into main.cf and master.cf about policy, with the world around it."""

from __future__ import annotations

from guide_servers import Guide

__all__ = [
    "DEBIAN7",
    "DEBIAN11",
    "GUIDES",
    "JOHN",
    "LISA",
    "PORT_443",
    "RELAY_USER",
    "SMALL_SERVER",
    "UBUNTU",
]

JOHN, LISA = "john@example.org", "lisa@example.org"
DEBIAN7 = Guide(
    "ispmail-debian7",
    main_cf="""
myhostname = mail.example.org
mynetworks =
virtual_mailbox_domains = example.org
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
smtpd_sasl_auth_enable = yes
smtpd_tls_security_level = may
smtpd_relay_restrictions =
smtpd_recipient_restrictions =
  permit_mynetworks
  permit_sasl_authenticated
  reject_unauth_destination
""",
    services={"mx": ""},
    passwords={JOHN: "summersun", LISA: "winterrain"},
    tables={"mailboxes": f"{JOHN} x\n{LISA} x\n"},
)

DEBIAN11 = Guide(
    "ispmail-debian11",
    main_cf="""
myhostname = mail.example.org
virtual_mailbox_domains = example.org
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
smtpd_sasl_auth_enable = yes
smtpd_tls_security_level = may
smtpd_sender_login_maps = hash:/etc/postfix/email2email
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination
""",
    services={
        "mx": "-o smtpd_sender_restrictions=reject_sender_login_mismatch",
        "submission": """
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_sender_login_mismatch,permit_sasl_authenticated,reject
""",
    },
    passwords={JOHN: "summersun", LISA: "winterrain"},
    tables={
        "mailboxes": f"{JOHN} x\n{LISA} x\n",
        "email2email": f"{JOHN} {JOHN}\n{LISA} {LISA}\n",
    },
)

RELAY_USER = "supercoolusername@relay.example.org"
PORT_443 = Guide(
    "port-443",
    main_cf="""
myhostname = relay.example.org
virtual_mailbox_domains = relay.example.org
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
""",
    services={
        "firewall": """
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_auth_only=yes
  -o smtpd_enforce_tls=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject_unauth_destination
"""
    },
    passwords={RELAY_USER: "supercoolpassword"},
    tables={"mailboxes": f"{RELAY_USER} x\n"},
)

UBUNTU = Guide(
    "ubuntu",
    main_cf="""
myhostname = mail.example.jp
virtual_mailbox_domains = example.jp
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination
""",
    services={
        "mx": "",
        "submission": """
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
""",
    },
    passwords={"taro@example.jp": "sakura"},
    tables={"mailboxes": "taro@example.jp x\n"},
)

KEY = "yourdqskey"
SMALL_SERVER = Guide(
    "small-server",
    main_cf=f"""
myhostname = mail.example.org
mydomain = example.org
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
smtpd_recipient_limit = 5
smtpd_client_recipient_rate_limit = 50
mydestination = $myhostname, localhost, localhost.localdomain
virtual_alias_domains = example.org
virtual_alias_maps = hash:/etc/postfix/virtual
mua_recipient_restrictions =
  permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject
mua_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
mua_client_restrictions =
mua_helo_restrictions =
mua_sender_restrictions =
rbl_reply_maps = hash:$config_directory/dnsbl-reply-map
smtpd_client_restrictions =
  reject_rbl_client {KEY}.zen.dq.spamhaus.net=127.0.0.[2..11],
  reject_rhsbl_sender {KEY}.dbl.dq.spamhaus.net=127.0.1.[2..99],
  reject_rhsbl_helo {KEY}.dbl.dq.spamhaus.net=127.0.1.[2..99],
  reject_rhsbl_reverse_client {KEY}.dbl.dq.spamhaus.net=127.0.1.[2..99],
  reject_rhsbl_sender {KEY}.zrd.dq.spamhaus.net=127.0.2.[2..24],
  reject_rhsbl_helo {KEY}.zrd.dq.spamhaus.net=127.0.2.[2..24],
  reject_rhsbl_reverse_client {KEY}.zrd.dq.spamhaus.net=127.0.2.[2..24]
smtpd_sender_restrictions =
  check_sender_access hash:/etc/postfix/sender_blocklist
relay_domains =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
  reject_unauth_pipelining, reject_non_fqdn_recipient, reject_unknown_recipient_domain,
  check_policy_service unix:private/policy-spf
message_size_limit = 20480000
""",
    services={
        "mx": "-o smtpd_tls_security_level=may",
        "submission": """
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=$mua_recipient_restrictions
  -o smtpd_relay_restrictions=$mua_relay_restrictions
""",
    },
    passwords={JOHN: "summersun", LISA: "winterrain"},
    tables={
        "virtual": f"{JOHN} x@mail.example.org\n{LISA} x@mail.example.org\n",
        "users": "".join(f"{name}:{{SHA512}}{'0' * 128}:1000:1000\n" for name in ("john", "lisa")),
        "aliases": "root: john\n",
        "sender_blocklist": 'badguy@mail.test   REJECT  "Spam"\nannoying.test   REJECT  "Spam"\n',
        "dnsbl-reply-map": (
            f"{KEY}.zen.dq.spamhaus.net=127.0.0.[2..11] 554 $rbl_class $rbl_what blocked using ZEN"
            " - see https://www.spamhaus.org/query/ip/$client_address for details\n"
            f"{KEY}.dbl.dq.spamhaus.net=127.0.1.[2..99] 554 $rbl_class $rbl_what blocked using DBL"
            " - see $rbl_txt for details\n"
            f"{KEY}.zrd.dq.spamhaus.net=127.0.2.[2..24] 554 $rbl_class $rbl_what blocked using ZRD"
            " - domain too young\n"
        ),
    },
    records=[
        "example.org. MX 10 mail.example.org.",
        "mail.example.org. A 198.51.100.1",
        'mail.test. TXT "v=spf1 ip4:192.0.2.7 -all"',
        "mx.mail.test. A 192.0.2.7",
        f"66.2.0.192.{KEY}.zen.dq.spamhaus.net. A 127.0.0.4",
        f"67.2.0.192.{KEY}.zen.dq.spamhaus.net. A 127.255.255.254",
        f"67.2.0.192.{KEY}.zen.dq.spamhaus.net. A 127.0.0.12",
        f"spam.test.{KEY}.dbl.dq.spamhaus.net. A 127.0.1.2",
        f'spam.test.{KEY}.dbl.dq.spamhaus.net. TXT "https://www.spamhaus.org/query/domain/spam"',
        f"young.test.{KEY}.zrd.dq.spamhaus.net. A 127.0.2.3",
        f"old.test.{KEY}.zrd.dq.spamhaus.net. A 127.0.2.25",
    ],
    failing=frozenset({(f"68.2.0.192.{KEY}.zen.dq.spamhaus.net", "A"), ("broken.test", "A")}),
    policy_spf=True,
)

GUIDES = (DEBIAN7, DEBIAN11, PORT_443, UBUNTU, SMALL_SERVER)
