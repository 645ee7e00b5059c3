"""Refusals that mail servers of any kind have in common, and what each means in plain English.

A literal table, from the special to the general. The patterns are enhanced status codes (RFC 3463,
RFC 7372) and the words of Postfix, Exim, Exchange, Dovecot and the blocklists.
"""

from __future__ import annotations

from postroad.history.refusal_kind import DELIST, MAIL_TO_THE_WORLD, Cause, Refusal

__all__ = ["COMMON"]

_LISTS = (
    Refusal(
        r"spamhaus\.org/returnc|open resolver|public DNS resolver",
        Cause.POLICY,
        "The recipient's server asks Spamhaus in a way that Spamhaus does not answer, and takes"
        " that for a listing. Nothing is wrong here; tell its postmaster by another way.",
    ),
    Refusal(
        r"pbl\.spamhaus|spamhaus\.org/pbl|\bPBL\b",
        Cause.BLOCKLISTED,
        "Spamhaus lists the network of this address as one that should not send mail itself (PBL)."
        " If it is a fixed address of a server, take it off the PBL at check.spamhaus.org; if not,"
        " send through a smarthost.",
    ),
    Refusal(
        r"spamhaus",
        Cause.BLOCKLISTED,
        "Spamhaus lists this address or a name in the message. "
        + DELIST
        + " at check.spamhaus.org.",
    ),
    Refusal(
        r"spamcop",
        Cause.BLOCKLISTED,
        "SpamCop lists this address after complaints. The listing ends by itself within a day"
        " after the last one: find out what was sent and stop it.",
    ),
    Refusal(
        r"uceprotect|backscatterer",
        Cause.BLOCKLISTED,
        "UCEPROTECT lists this address, or its whole network. It ends by itself after a week; few"
        " large servers ask that list.",
    ),
    Refusal(
        r"blocked using |listed (?:at|in|by|on) [\w.-]+\.[a-z]|\bDNSBL\b|\bRBL\b|blacklist"
        r"|block ?list",
        Cause.BLOCKLISTED,
        "A blocklist has this address. The reply names the list: find out what was sent, stop it,"
        " and ask the list for removal.",
    ),
)

_AUTHENTICATION = (
    Refusal(
        r"DMARC",
        Cause.AUTHENTICATION,
        "The domain in From asks, by its DMARC policy, that mail without a matching SPF or DKIM be"
        " refused, and this message has neither. Send from the domain's own servers, or sign with"
        " its DKIM key; forwarded mail and mailing lists often fail this way.",
    ),
    Refusal(
        r"\b[45]\.7\.26\b|sender is unauthenticated|does not (?:have authentication|pass authent)",
        Cause.AUTHENTICATION,
        "The message passes neither SPF nor DKIM. Publish an SPF record that has this server's"
        " addresses, and sign with DKIM.",
    ),
    Refusal(
        r"\b5\.7\.2[34]\b|\bSPF\b|openspf|sender policy"
        r"|not (?:authori[sz]ed|permitted|allowed) to send mail (?:for|from)",
        Cause.AUTHENTICATION,
        "The SPF record of the sender's domain does not have this server's address. Add it to the"
        " record; forwarded mail fails this way too unless the sender is rewritten (SRS).",
    ),
    Refusal(
        r"\b5\.7\.20\b|DKIM",
        Cause.AUTHENTICATION,
        "The DKIM signature is missing or wrong. See that the public key is in the DNS, and that"
        " nothing changes the message after it was signed.",
    ),
)

_NAMES = (
    Refusal(
        r"sending IPv6 address .{0,60}reverse DNS",
        Cause.NAME,
        "The IPv6 address of this server has no reverse name (PTR). Have one set by the provider"
        " of the address, or send by IPv4.",
    ),
    Refusal(
        r"\b[45]\.7\.25\b|cannot find your (?:reverse )?hostname|\bPTR\b|\brDNS\b"
        r"|reverse (?:DNS|hostname|lookup)|does not resolve|no reverse",
        Cause.NAME,
        "The recipient's server wants a reverse name (PTR) for this server's address that leads"
        " back to it. The provider of the address sets it; use the same name as hostname here.",
    ),
    Refusal(
        r"dynamic (?:IP|address|host)|dial-?up|residential|generic (?:PTR|reverse)",
        Cause.NAME,
        "The recipient's server takes this for a home connection, by the address or its reverse"
        " name. Have a name of your own set for it (PTR), or send through a smarthost.",
    ),
    Refusal(
        r"\bHELO\b|\bEHLO\b",
        Cause.NAME,
        "The recipient's server does not like the name by which this one greets. Set hostname to a"
        " full name that has an address in the DNS, this server's.",
    ),
    Refusal(
        r"\b[45]\.1\.8\b|sender (?:address )?(?:rejected|verif)[^.]{0,60}|verify fail"
        r"|domain of sender",
        Cause.POLICY,
        "The recipient's server cannot verify the sender's address. See that its domain has a mail"
        " server (MX) in the DNS that takes mail for just this address.",
    ),
)

_MAILBOXES = (
    Refusal(
        r"\b[45]\.2\.2\b|over ?quota|quota (?:is )?exceeded|exceed\w* \w* ?quota"
        r"|mailbox (?:is )?full|out of storage|insufficient.{0,20}mailbox|storage.{0,20}exceeded",
        Cause.FULL,
        "The recipient's mailbox is full. Only its owner can change that.",
    ),
    Refusal(
        r"\b5\.2\.1\b|mailbox (?:is )?(?:disabled|inactive)|account (?:is |has been )?"
        r"(?:disabled|suspended|inactive|locked)",
        Cause.MAILBOX,
        "The mailbox is there and has been shut. Take the address off your lists.",
    ),
    Refusal(
        r"\b5\.1\.10\b|null ?MX|does not accept mail",
        Cause.MAILBOX,
        "The recipient's domain takes no mail at all. Look whether the address is right.",
    ),
    Refusal(
        r"\b5\.1\.[126]\b|user (?:is )?unknown|unknown (?:user|recipient|local)"
        r"|no such (?:user|mailbox|recipient|address|person)"
        r"|(?:user|recipient|mailbox|account).{0,30}(?:not found"
        r"|does ?n[o']t exist|does not exist|unavailable)|unrouteable|not our customer"
        r"|invalid (?:recipient|mailbox)",
        Cause.MAILBOX,
        "There is no such mailbox. Look whether the address is right, and take it off your lists.",
    ),
)

_GENERAL = (
    Refusal(
        r"gr[ea]y-?list",
        Cause.GREYLISTED,
        "The recipient's server does not know this one yet and lets it come again. Nothing needs"
        " to be done.",
    ),
    Refusal(
        r"too many (?:concurrent |simultaneous |SMTP )?(?:connections|sessions)"
        r"|(?:connection|session) (?:count|limit|rate)",
        Cause.THROTTLED,
        "Too many connections at once for the recipient's server. Fewer are made from now on; a"
        " limit for it can be set in [destinations].",
    ),
    Refusal(
        r"rate.?limit|ratelimit|too (?:much|many) (?:mail|messages|emails|recipients this)|throttl"
        r"|slow down|too fast|too quickly|message rate|limit on number of messages|exceeded limit"
        r"|sending limit|(?:hourly|daily) (?:limit|quota)|\b[45]\.7\.28\b|mail flood",
        Cause.THROTTLED,
        "The recipient's server takes less than was sent at once. It is tried again by itself, more"
        " slowly; a rate for it can be set in [destinations].",
    ),
    Refusal(
        r"relay(?:ing)? (?:access )?(?:denied|not (?:permitted|allowed))|unable to relay"
        r"|we do not relay|cannot relay",
        Cause.POLICY,
        "That server does not take mail for the recipient's domain. Its MX record leads to the"
        " wrong server, or a smarthost wants a login: see [relay] username.",
    ),
    Refusal(
        r"\b5(?:30|35|38)\b.{0,80}(?:authenticat|login|credentials)|authentication (?:is )?required"
        r"|\b5\.7\.8\b",
        Cause.SECURITY,
        "That server wants a login, or did not like ours. See username and password_file in"
        " [relay].",
    ),
    Refusal(
        r"STARTTLS|TLS (?:is )?required|encryption required",
        Cause.SECURITY,
        "That server takes mail by TLS only. Allow TLS to it ([relay] tls).",
    ),
    Refusal(
        r"\b[45]\.3\.4\b|\b552\b.{0,60}(?:size|large)|message (?:size|too (?:big|large))"
        r"|size limit",
        Cause.POLICY,
        "The message is larger than the recipient's server takes. Send a link to the file instead.",
    ),
    Refusal(
        r"\b5\.4\.6\b|\b5\.4\.14\b|too many hops|hop count|loops? back|mail loop",
        Cause.LOOP,
        "The message goes in circles. Look where the recipient's address is forwarded to, and"
        " whether the MX record of its domain leads to a server that takes its mail.",
    ),
    Refusal(
        r"virus|malware|infected|phish",
        Cause.CONTENT,
        "The recipient's server found something harmful in the message. Look at what was sent; an"
        " account may be stolen.",
    ),
    Refusal(
        r"spam|unsolicited|junk|bulk mail|content (?:rejected|denied|filter)"
        r"|\b5\.7\.0\b.{0,40}reject",
        Cause.CONTENT,
        "The recipient's server took the message for spam. Look at its content and its links. "
        + MAIL_TO_THE_WORLD,
    ),
    Refusal(
        r"insufficient (?:system|disk)|\b4\.3\.1\b|out of (?:disk|space)",
        Cause.BUSY,
        "The recipient's server is out of space. It is tried again by itself.",
    ),
    Refusal(
        r"\b421\b|\b4\.3\.[02]\b|temporar(?:y|ily)|try again|busy|overload|resources",
        Cause.BUSY,
        "The recipient's server has some trouble of its own, and says no more. It is tried again"
        " by itself.",
    ),
)

COMMON: tuple[Refusal, ...] = (*_LISTS, *_AUTHENTICATION, *_NAMES, *_MAILBOXES, *_GENERAL)
