"""The guides' configuration files, installed in a folder as they would be in `/`."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from postroad.net.selfsigned import write_self_signed

__all__ = ["GUIDES", "install_guide", "sums"]

TREES = Path(__file__).with_name("guides")
GUIDES = tuple(sorted(path.name for path in TREES.iterdir()))

_CERTIFICATE = re.compile(r"^(smtpd_tls_cert_file|smtpd_tls_key_file)\s*=\s*(\S+)", re.MULTILINE)
_AUTHORITY = re.compile(r"^smtp_tls_CAfile\s*=\s*(\S+)", re.MULTILINE)


def install_guide(guide: str, folder: Path) -> Path:
    """Copy a guide's files below a folder, with the certificates that it takes for granted.

    Returns:
        The folder that stands for `/`.
    """
    root = folder / "root"
    shutil.copytree(TREES / guide, root)
    text = (root / "etc/postfix/main.cf").read_text()
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_self_signed(("mail.example.org", "relay.example.org"), certificate, key)
    paths = dict(_CERTIFICATE.findall(text))
    _put(root, paths["smtpd_tls_cert_file"], certificate.read_bytes())
    together = paths["smtpd_tls_cert_file"] == paths["smtpd_tls_key_file"]
    both = certificate.read_bytes() + key.read_bytes()
    _put(root, paths["smtpd_tls_key_file"], both if together else key.read_bytes())
    for path in _AUTHORITY.findall(text):
        _put(root, path, certificate.read_bytes())
    for folder_name in ("var/spool/postfix/private", "run/dovecot"):
        (root / folder_name).mkdir(parents=True)
    return root


def _put(root: Path, path: str, content: bytes) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(0o600)


def sums(root: Path) -> dict[str, tuple[int, str]]:
    """Mode and digest of every file below a folder, and the time of its last change."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns ^ path.lstat().st_mode, _sum(path))
        for path in sorted(root.rglob("*"))
    }


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
