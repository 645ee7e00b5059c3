"""Refusals of the large providers that are known, and what each means in plain English.

A literal table; the order is that of `refusal`, which searches it before `common_refusals`.
Providers change their words; the codes in brackets (`[TSS04]`, `S3150`, `RP-001`) stay, and so the
patterns keep to those where there are any. A code that others may use as well, or a word that is no
provider's own, counts only behind the provider's host or beside words of his. The sources are what
the providers publish for senders: Google's list of SMTP errors, and the pages for postmasters of
Yahoo, Microsoft (Outlook.com and Exchange Online), Apple, GMX, T-Online, Orange, Free, Comcast and
others.
"""

from __future__ import annotations

from postroad.history.refusal_kind import DELIST, MAIL_TO_THE_WORLD, Cause, Refusal

__all__ = ["PROVIDERS"]

_OUTLOOK = r"(?:outlook|hotmail|live)\.com.{0,200}\b"
"""A host of Outlook.com's, and what follows."""

_LESS = "Until then send less to it, and more evenly."

_GOOGLE = (
    Refusal(
        r"google.{0,80}[45]\.7\.28\b|unusual rate of (?:unsolicited|email)",
        Cause.THROTTLED,
        "Google takes less mail from this server for now, because much of what came looked"
        " unwanted. It comes right by itself within hours or days if you send less and nothing"
        " that people mark as spam. See Google's Postmaster Tools for your domain.",
    ),
    Refusal(
        r"google.{0,80}421.{0,8}4\.7\.26|rate limited because it is unauthenticated",
        Cause.AUTHENTICATION,
        "Google slows this mail down because neither SPF nor DKIM passes for it. Publish an SPF"
        " record that has this server's addresses, and sign with DKIM.",
    ),
    Refusal(
        r"google.{0,80}4\.7\.(?:27|30|31|32|40)\b|4\.7\.(?:27|30|31|32|40)\b.{0,400}gsmtp",
        Cause.AUTHENTICATION,
        "Google slows this mail down because SPF, DKIM or DMARC does not pass, or does not match"
        " the domain in From. Put all three in order for the domain that sends.",
    ),
    Refusal(
        r"google.{0,80} 421 .{0,60}Try again later, closing connection"
        r"|mx\.google\.com: Try again later, closing connection",
        Cause.THROTTLED,
        "Google turns away connections of this server for now: too many, or too fast. They are"
        " tried again by themselves, more slowly.",
    ),
    Refusal(
        r"receiving mail (?:too quickly|at a rate)|4\.2\.1.{0,60}rate that prevents",
        Cause.THROTTLED,
        "This one recipient gets more mail than the provider lets in at once. It is tried again"
        " by itself.",
    ),
    Refusal(
        r"(?:gsmtp|google).{0,200}IPv6 sending guidelines|IPv6 sending guidelines",
        Cause.NAME,
        "Google takes mail over IPv6 only from an address whose reverse name (PTR) leads back to"
        " it, with SPF or DKIM. Have the PTR record of the IPv6 address set, or send by IPv4.",
    ),
    Refusal(
        r"google.{0,80}[45]\.7\.29\b|TLS required for RCPT domain",
        Cause.SECURITY,
        "The recipient's domain takes mail by TLS only. Allow TLS to it ([relay] tls).",
    ),
    Refusal(
        r"suspicious due to the (?:very low reputation|nature)|low reputation of the sending",
        Cause.REPUTATION,
        "Google thinks badly of the sending domain or address. " + MAIL_TO_THE_WORLD,
    ),
    Refusal(
        r"likely unsolicited mail|likely suspicious due to",
        Cause.REPUTATION,
        "Google took this message for spam, by its content and by what it knows of this server."
        " " + MAIL_TO_THE_WORLD,
    ),
    Refusal(
        r"potential security issue|BlockedMessage",
        Cause.CONTENT,
        "The message holds a kind of file that the provider takes from nobody (programs, scripts,"
        " some archives). Send a link to the file instead.",
    ),
)

_YAHOO = (
    Refusal(
        r"\[TS0?3\]|yahoo.{0,300}permanently deferred",
        Cause.REPUTATION,
        "Yahoo takes nothing from this address for a long time, because of complaints of its"
        " users. Stop what they complain of, then ask at Yahoo's sender hub.",
    ),
    Refusal(
        r"\[(?:TSS?|IPTS)\d+\]|unexpected volume or user complaints",
        Cause.THROTTLED,
        "Yahoo (and AOL) takes no mail from this address for some hours: too much of it, or its"
        " users complained. " + _LESS,
    ),
    Refusal(
        r"\[GL\d+\]",
        Cause.GREYLISTED,
        "Yahoo does not know this server yet and lets it come again. Nothing needs to be done.",
    ),
    Refusal(
        r"\[BL\d+\]",
        Cause.BLOCKLISTED,
        "Yahoo refuses this address because a blocklist has it, most often Spamhaus. "
        + DELIST
        + " at check.spamhaus.org.",
    ),
    Refusal(
        r"yahoo.{0,120}(?:5\.7\.9\b|not accepted for policy reasons)",
        Cause.AUTHENTICATION,
        "Yahoo refused the message by a policy, most often DMARC of the domain in From. See that"
        " SPF or DKIM passes for just that domain.",
    ),
    Refusal(
        r"\bdd (?:This user|Requested mail action|Not a valid|Sorry, your message)",
        Cause.MAILBOX,
        "Yahoo has no such mailbox, or no more. Take the address off your lists.",
    ),
)

_MICROSOFT = (
    Refusal(
        r"\b[45]\.7\.65[0-9]\b|temporarily rate limited due to IP reputation",
        Cause.THROTTLED,
        "Microsoft takes little mail from this address, because it does not know or not trust it."
        " New addresses have to begin slowly. Register the address with SNDS and JMRP, send less"
        " and more evenly, and it comes right by itself.",
    ),
    Refusal(
        r"\b4\.7\.500\b|Server busy\. Please try again later from",
        Cause.THROTTLED,
        "Microsoft calls this a busy server; mostly it means that this address sent too much at"
        " once. It is tried again by itself, more slowly.",
    ),
    Refusal(
        _OUTLOOK + r"(?:RP-00[123]\b|exceeded the (?:rate|connection) limit)"
        r"|\bRP-00[123]\b.{0,60}unfortunately, (?:some )?messages from",
        Cause.THROTTLED,
        "Outlook.com limits how much it takes from this address, by its reputation. " + _LESS,
    ),
    Refusal(
        _OUTLOOK + r"S31[45]0\b|messages from .{0,60} weren't sent.{0,200}\(S31[45]0\)"
        r"|part of their network is on our block list",
        Cause.BLOCKLISTED,
        "Outlook.com has this address, or its whole network, on a block list of its own. Ask for"
        " removal by its sender support form (olcsupport.office.com); if your provider's network"
        " is meant, only the provider can.",
    ),
    Refusal(
        _OUTLOOK + r"DY-00[12]\b|\bDY-00[12]\b.{0,60}unfortunately, (?:some )?messages from",
        Cause.BLOCKLISTED,
        "Outlook.com takes this for the address of a home connection. Use a fixed address with a"
        " reverse name of its own, or send through a smarthost.",
    ),
    Refusal(
        _OUTLOOK + r"(?:SC|OU)-00[1-4]\b"
        r"|\b(?:SC|OU)-00[1-4]\b.{0,60}unfortunately, (?:some )?messages from",
        Cause.REPUTATION,
        "Outlook.com refused the mail for what this address sent before, or for its content."
        " " + MAIL_TO_THE_WORLD,
    ),
    Refusal(
        r"banned send(?:er|ing IP)|\b5\.7\.(?:511|60[6-9]|6[1-4]\d)\b",
        Cause.BLOCKLISTED,
        "Microsoft has banned this address. " + DELIST + " at sender.office.com.",
    ),
    Refusal(
        r"\b5\.7\.(?:501|502|503)\b|Access denied, spam abuse detected",
        Cause.BLOCKLISTED,
        "Microsoft has blocked the sending account or domain for spam. Find out what was sent and"
        " stop it, then ask Microsoft's support.",
    ),
    Refusal(
        r"\b5\.7\.70[5-8]\b|traffic not accepted from this IP",
        Cause.REPUTATION,
        "Microsoft takes no mail from this address, because it does not know it or thinks badly of"
        " it. New addresses have to begin slowly; otherwise ask Microsoft's sender support.",
    ),
    Refusal(
        r"\b5\.7\.515\b|required authentication level",
        Cause.AUTHENTICATION,
        "Outlook.com takes mail of domains that send much only with SPF, DKIM and DMARC that all"
        " pass. Put them in order for the domain in From.",
    ),
    Refusal(
        r"must pass either SPF or DKIM validation",
        Cause.AUTHENTICATION,
        "Microsoft takes mail over IPv6 only with SPF or DKIM that passes. Publish SPF with the"
        " IPv6 address, sign with DKIM, or send by IPv4.",
    ),
    Refusal(
        r"\b5\.7\.520\b|does not allow external forwarding",
        Cause.POLICY,
        "The recipient forwards its mail, and its organisation forbids that. Only its"
        " administrator can change this.",
    ),
    Refusal(
        r"AS\(?20180\d+\)?|RESOLVER\.ADR\.\w*RecipNotFound|RecipientNotFound",
        Cause.MAILBOX,
        "Microsoft knows no such mailbox in that organisation. Look whether the address is right.",
    ),
)

_OTHER_PROVIDERS = (
    Refusal(
        r"\[(?:HM\d{2}|CS0\d)\]|icloud.{0,120}(?:\bHM\d{2}\b|local policy)",
        Cause.REPUTATION,
        "Apple's iCloud refused the mail by its spam rules. "
        + MAIL_TO_THE_WORLD
        + " If that is all in order, write to Apple's postmaster.",
    ),
    Refusal(
        r"(?:gmx|web\.de|kundenserver|ionos).{0,200}Bad DNS PTR|Bad DNS PTR resource record",
        Cause.NAME,
        "GMX and web.de want a reverse name (PTR) for this server's address that leads back to it"
        " and does not look like that of a home connection. The provider of the address sets it.",
    ),
    Refusal(
        r"(?:gmx|web\.de|kundenserver|ionos).{0,200}(?:block listed|IP address is black)",
        Cause.BLOCKLISTED,
        "GMX and web.de refuse this address because a blocklist has it. The link in the reply"
        " names the reason; ask that list for removal.",
    ),
    Refusal(
        r"(?:gmx|web\.de|kundenserver|ionos).{0,200}(?:mail limit|too many|policy restrictions)",
        Cause.THROTTLED,
        "GMX and web.de take less from this server for now. It is tried again by itself.",
    ),
    Refusal(
        r"t-online.{0,200}(?:bad reputation|A problem occurred)"
        r"|(?:bad reputation|a problem occurred).{0,20}ask your postmaster for help or to contact",
        Cause.REPUTATION,
        "T-Online does not know this server, or thinks badly of it, and takes nothing. It wants a"
        " reverse name that shows whose server it is, and a web page there with an imprint; then"
        " write to the address in the reply, which clears it within a day or two.",
    ),
    Refusal(
        r"\bOFR_?(?:004|006|0*104|0*108|0*109)|(?:orange|wanadoo).{0,120}Trop de connexions",
        Cause.THROTTLED,
        "Orange and Wanadoo take few connections at once and little mail from servers they do not"
        " know. It is tried again by itself, more slowly.",
    ),
    Refusal(
        r"\bOFR_?\d{3}|\bLPN\d{3}",
        Cause.REPUTATION,
        "Orange or La Poste refused the mail by its spam rules. " + MAIL_TO_THE_WORLD,
    ),
    Refusal(
        r"postmaster\.free\.fr|Too many spams from your IP",
        Cause.REPUTATION,
        "Free took much of this server's mail for spam and takes none for a while. See"
        " postmaster.free.fr.",
    ),
    Refusal(
        r"comcast.{0,200}(?:BL0000|block for spam)",
        Cause.BLOCKLISTED,
        "Comcast has blocked this address for spam. " + DELIST + " at postmaster.comcast.net.",
    ),
    Refusal(
        r"comcast.{0,200}(?:RL0000|Throttled|Too many sessions)",
        Cause.THROTTLED,
        "Comcast takes less from this server for now. It is tried again by itself, more slowly.",
    ),
    Refusal(
        r"\b(?:RP:TRC|RP:QRC|RP:CEL|MI:DMC|MI:CEL|MI:SFQ|RP:DRC)\b|frequency limited",
        Cause.THROTTLED,
        "The provider (NetEase or QQ) takes less from this server for now. It is tried again by"
        " itself, more slowly.",
    ),
    Refusal(
        r"\bDT:(?:SPM|SUM)\b|suspicion of SPAM|notspam-support|Mail content denied",
        Cause.CONTENT,
        "The provider took the message for spam. Look at its content and at the links in it; the"
        " link in the reply, if there is one, says more.",
    ),
    Refusal(
        r"ipcheck\.proofpoint\.com|csi\.cloudmark\.com|barracudanetworks?\.com/reputation"
        r"|barracudacentral|blocked using (?:Barracuda|Trend Micro)|poor reputation"
        r"|sophos\.com/.{0,30}ip",
        Cause.BLOCKLISTED,
        "A reputation service that the recipient's server asks has this address in bad memory."
        " The reply names the service, which has a page where removal can be asked for.",
    ),
)

PROVIDERS: tuple[Refusal, ...] = (*_GOOGLE, *_YAHOO, *_MICROSOFT, *_OTHER_PROVIDERS)
