"""Messages with octets over 127 in every place that matters to a conversion to 7 bits."""

from __future__ import annotations

__all__ = ["DEEP", "LIKE_POSTFIX", "nested"]

_TEXT = "Content-Type: text/plain; charset=utf-8\n"
_EIGHT = "Content-Transfer-Encoding: 8bit\n"


def _multipart(boundary: str, *parts: str, head: str = _EIGHT, kind: str = "mixed") -> str:
    lines = [f"Content-Type: multipart/{kind};\n boundary={boundary}\n{head}\npreamble\n"]
    lines += [f"--{boundary.strip(chr(34))}\n{part}\n" for part in parts]
    return "".join(lines) + f"--{boundary.strip(chr(34))}--\nepilogue\n"


def nested(depth: int) -> str:
    """Multiparts within each other."""
    heads = [
        f"Content-Type: multipart/mixed; boundary=b{at}.\n{_EIGHT}\n--b{at}.\n"
        for at in range(depth)
    ]
    return "".join(heads) + f"{_TEXT}{_EIGHT}\nGrüße\n"


LIKE_POSTFIX = {
    "text": f"{_TEXT}{_EIGHT}\nGrüße = 1 + 1\n.\n..two\nblank \ntab\t\n\nend\n",
    "encoding first": f"{_EIGHT}{_TEXT}\nGrüße\n",
    "folded": f"Content-Transfer-Encoding:\n 8BIT (as it is)\n{_TEXT}\nGrüße\n",
    "binary": f"{_TEXT}Content-Transfer-Encoding: binary\n\nGrüße\n",
    "ascii labelled 8bit": f"Subject: x\n{_TEXT}{_EIGHT}\na = b\n" + "and é\n",
    "7bit": f"{_TEXT}Content-Transfer-Encoding: 7bit\n\nGrüße\n",
    "unknown": f"{_TEXT}Content-Transfer-Encoding: x-mine\n\nGrüße\n",
    "two encodings": f"{_TEXT}{_EIGHT}Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ==é\n",
    "no mime": "\nGrüße\n",
    "raw header": f"Subject: Grüße\n{_TEXT}{_EIGHT}\nGrüße\n",
    "long lines": f"{_TEXT}{_EIGHT}\n{'ü' * 300}\n{'x' * 72}=\n{'x' * 72} \n{'x' * 73} y\n",
    "wide": f"{_TEXT}{_EIGHT}\n" + "".join(f"{'x' * at}ü {'y' * 9}\n" for at in range(60, 80)),
    "image": f"Content-Type: image/svg+xml\n{_EIGHT}\n<a>é</a>\n",
    "multipart": _multipart(
        "simple",
        f"{_TEXT}{_EIGHT}\nGrüße\n--simp\n",
        "\nundeclared é\n",
        'Content-Type: application/x; a="b;c"\nContent-Transfer-Encoding: base64\n\nR3I=\n',
    ),
    "quoted boundary": _multipart('"a b=_c"', f"{_TEXT}{_EIGHT}\nGrüße\n"),
    "signed": _multipart("s", f"{_TEXT}{_EIGHT}\nGrüße\n", kind="signed"),
    "alternative within": _multipart(
        "outer", _multipart("inner", f"{_TEXT}{_EIGHT}\nGrüße\n"), f"{_TEXT}{_EIGHT}\nÄ\n"
    ),
    "no encoding above": _multipart("b", f"{_TEXT}{_EIGHT}\nGrüße\n", head=""),
    "unended within": _multipart(
        "outer",
        f"Content-Type: multipart/mixed; boundary=inner\n\n--inner\n{_TEXT}{_EIGHT}\nGrüße",
        f"{_TEXT}{_EIGHT}\nÄ\n",
    ),
    "message": _multipart(
        "m", f"Content-Type: message/rfc822\n{_EIGHT}\nSubject: in\n{_TEXT}{_EIGHT}\nGrüße\n"
    ),
    "digest": _multipart("d", f"\nSubject: in\n{_TEXT}{_EIGHT}\nGrüße\n", kind="digest"),
    "headers of a message": f"Content-Type: text/rfc822-headers\n{_EIGHT}\nSubject: é\n",
    "comment": f"Content-Type: (a (b) \\) c) multipart/mixed; boundary=b (d)\n\n--b\n{_EIGHT}\né\n",
    "more behind": f"Content-Type: multipart/x; boundary=b\n\n--b more\n{_EIGHT}\né\n--b  \n",
    "no boundary": f"Content-Type: multipart/mixed\n{_EIGHT}\n--b\n{_EIGHT}\né\n",
    "header only": f"{_TEXT}{_EIGHT}X-Last: é\n",
    "102 multiparts": nested(102),
}

DEEP = nested(103)
