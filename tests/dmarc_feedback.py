"""Aggregate reports for tests: as XML of any content, as files, as mail."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

SHAPES = Path(__file__).parent / "reports" / "dmarc" / "shapes"
BEGIN = 1_700_006_400
END = 1_700_092_799


def record(
    source: str = "192.0.2.1",
    count: object = 1,
    *,
    dkim: str = "pass",
    spf: str = "pass",
    disposition: str = "none",
    header_from: str = "example.org",
    signatures: tuple[tuple[str, str, str], ...] = (),
    senders: tuple[tuple[str, str, str], ...] = (),
    reasons: tuple[str, ...] = (),
) -> str:
    signed = "".join(
        f"<dkim><domain>{d}</domain><selector>{s}</selector><result>{r}</result></dkim>"
        for d, s, r in signatures
    )
    sent = "".join(
        f"<spf><domain>{d}</domain><scope>{s}</scope><result>{r}</result></spf>"
        for d, s, r in senders
    )
    why = "".join(f"<reason><type>{each}</type></reason>" for each in reasons)
    return (
        f"<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated>"
        f"<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>{why}"
        "</policy_evaluated></row>"
        f"<identifiers><header_from>{header_from}</header_from></identifiers>"
        f"<auth_results>{signed}{sent}</auth_results></record>"
    )


def xml(
    *records: str,
    organization: str = "Receiver",
    contact: str = "dmarc@receiver.example",
    report_id: str = "id-1",
    domain: str = "example.org",
    policy: str = "none",
    begins: int = BEGIN,
    ends: int = END,
) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feedback><report_metadata>'
        f"<org_name>{escape(organization)}</org_name><email>{escape(contact)}</email>"
        f"<report_id>{escape(report_id)}</report_id>"
        f"<date_range><begin>{begins}</begin><end>{ends}</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain><p>{policy}</p></policy_published>"
        f"{''.join(records or (record(),))}</feedback>\n"
    )


def zipped(
    octets: bytes, name: str = "receiver.example!example.org!1!2.xml", *, before: tuple = ()
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in before:
            archive.writestr(other, content)
        archive.writestr(name, octets)
    return file.getvalue()


def mail(
    attached: bytes,
    *,
    kind: str = "application/gzip",
    name: str = "receiver.example!example.org!1!2.xml.gz",
    encoding: str = "base64",
    author: str = "dmarc@receiver.example",
    to: str = "dmarc@example.org",
) -> bytes:
    """A mail as receivers of mail send it; `attached` is the file, or in `8bit` its lines."""
    body = base64.encodebytes(attached) if encoding == "base64" else attached
    head = (
        f"From: {author}\r\nTo: {to}\r\n"
        "Subject: Report Domain: example.org Submitter: receiver.example Report-ID: <id-1>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_b"\r\n\r\n'
        "--=_b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n"
        f'--=_b\r\nContent-Type: {kind}; name="{name}"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    lines = b"\r\n".join(body.splitlines())
    return head.encode() + lines + b"\r\n--=_b--\r\n"


def report_mail(text: str | None = None, **more: str) -> bytes:
    return mail(gzip.compress((text or xml()).encode()), **more)
