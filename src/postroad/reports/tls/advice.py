"""What the result types of reports mean, and what to do about them (RFC 8460 §4.3).

The words are for who runs the mail exchangers that others had trouble with.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADVICE", "Advice", "advice_on"]


@dataclass(frozen=True, slots=True)
class Advice:
    """About one result type.

    Attributes:
        meaning: what other servers met.
        action: what to do.
    """

    meaning: str
    action: str


ADVICE = {
    "starttls-not-supported": Advice(
        "the host did not offer STARTTLS",
        'check that the MX listener has tls = "starttls" and a certificate; a firewall between'
        " that takes STARTTLS out of replies has to stop doing so",
    ),
    "certificate-host-mismatch": Advice(
        "the certificate is for other names than the host's",
        "get a certificate for the name in the MX record, or publish the name that it is for",
    ),
    "certificate-expired": Advice(
        "the certificate has expired",
        "renew it, and make the server read it (postroad check shows its days); see that the"
        " renewal runs by itself",
    ),
    "certificate-not-trusted": Advice(
        "the certificate is from no authority that others trust, or the chain is not complete",
        "use a certificate of a public authority, and a file with the whole chain (fullchain.pem)",
    ),
    "validation-failure": Advice(
        "TLS failed in a way that has no name of its own",
        "look at the reason, and at the server's log at that time; an MX host that the MTA-STS"
        " policy does not list counts here as well",
    ),
    "tlsa-invalid": Advice(
        "the TLSA records have nothing that could be used, or do not match the certificate",
        "publish the TLSA record of the certificate in use (3 1 1); publish the next one before"
        " you change the key",
    ),
    "dnssec-invalid": Advice(
        "the DNSSEC signatures of the records could not be validated",
        "check the zone's signatures and the DS record at its parent: they expired, or keys"
        " changed without it",
    ),
    "dane-required": Advice(
        "the sender insists on DANE, and found no TLSA records",
        "publish TLSA records in a signed zone, or agree with the sender on something else",
    ),
    "sts-policy-fetch-error": Advice(
        "the MTA-STS policy could not be fetched",
        "see that https://mta-sts.DOMAIN/.well-known/mta-sts.txt answers with 200 and text/plain,"
        " without a redirect; or remove the TXT record _mta-sts",
    ),
    "sts-policy-invalid": Advice(
        "the MTA-STS policy has mistakes",
        "check its lines: version: STSv1, mode, mx, max_age",
    ),
    "sts-webpki-invalid": Advice(
        "the web server with the MTA-STS policy has a certificate that is not valid",
        "get a certificate for mta-sts.DOMAIN, or renew it",
    ),
}

_UNKNOWN = Advice(
    "a failure that this release does not know", "look at the reason, if there is one"
)


def advice_on(result: str) -> Advice:
    """The words for a result type."""
    return ADVICE.get(result, _UNKNOWN)
