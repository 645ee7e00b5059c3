"""The process that asks PAM and the system's list of users; its own program.

PAM's modules are foreign code: they may sleep, wait for a server, hold the interpreter or crash. So
they are loaded here and nowhere else, and whoever asks can end this process at any time
(`pam`). How it is asked is `side_process`'s affair, which also keeps what modules print away from
the answers; a password comes in, none goes out and none is logged.

The binding is small because little is needed: one conversation, in which every hidden prompt is
answered by the password and every other one by the user's name (pam_conv(3)). The delay after a
wrong password is switched off (PAM_FAIL_DELAY): guessers are slowed down where their addresses are
known, and a process that sleeps checks nobody else's password.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

from postroad.directory.side_process import serve

__all__ = ["main"]

_SUCCESS = 0
_WRONG = frozenset({6, 7, 8, 10, 11, 12, 13, 16, 17, 27})
"""Codes by which the user or the password is wrong, or the account is at its end; every other one
means that PAM could not find out (`_pam_types.h`)."""

_BUF_ERR, _CONV_ERR = 5, 19
_SILENT, _DISALLOW_NULL = 0x8000, 0x0001
_ECHO_OFF, _ECHO_ON = 1, 2
_FAIL_DELAY = 10
MAX_PROMPTS = 32  # PAM_MAX_NUM_MSG


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_BUFFERS = (1 << 12, 1 << 16, 1 << 20)  # octets for one user's line; a longer one is no answer


class _Passwd(ctypes.Structure):
    """`struct passwd` of glibc and musl; PAM is Linux's here."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("uid", ctypes.c_uint32),
        ("gid", ctypes.c_uint32),
        ("gecos", ctypes.c_char_p),
        ("home", ctypes.c_char_p),
        ("shell", ctypes.c_char_p),
    )


_Converse = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.POINTER(_Response)),
    ctypes.c_void_p,
)
_Delay = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class _Conversation(ctypes.Structure):
    _fields_ = (("converse", _Converse), ("data", ctypes.c_void_p))


def main() -> None:
    """Answer requests until standard input ends."""
    serve(lambda words: _ANSWERS[words[0]](*words[1:]))


def _user(name: str) -> list[object] | None:
    """Number, group, home and name of a user of the system; an empty list if there is none.

    `None` where that cannot be known now. Python's `pwd` does not tell the two apart, so the C
    library is asked: it says 0 and nobody, or why it does not know (getpwnam_r(3)).
    """
    if "\0" in name:
        return []
    c, code, encoded = _accounts(), errno.ERANGE, name.encode("utf-8", "surrogatepass")
    for size in _BUFFERS:
        entry, found, buffer = _Passwd(), ctypes.c_void_p(), ctypes.create_string_buffer(size)
        code = c.getpwnam_r(encoded, ctypes.byref(entry), buffer, size, ctypes.byref(found))
        if code == 0:
            if found.value is None:
                return []
            texts = [os.fsdecode(text or b"") for text in (entry.home, entry.name)]
            return [entry.uid, entry.gid, *texts]
        if code != errno.ERANGE:
            break
    return None


def _check(service: str, directory: str, user: str, password: str) -> list[object]:
    """Whether the password is right, or `None` and why that is not known."""
    libraries = _libraries()
    if libraries is None:
        return [None, "libpam.so.0 is not here"]
    if "\0" in user or "\0" in password:
        return [False, ""]
    pam, c = libraries
    handle = ctypes.c_void_p()
    converse = _Converse(_answering(c, user.encode(), password.encode("utf-8", "surrogatepass")))
    conversation = _Conversation(converse, None)
    begin = [service.encode(), user.encode(), ctypes.byref(conversation)]
    if directory:
        if not hasattr(pam, "pam_start_confdir"):
            return [None, "this PAM knows no other folder than /etc/pam.d"]
        code = pam.pam_start_confdir(*begin, directory.encode(), ctypes.byref(handle))
    else:
        code = pam.pam_start(*begin, ctypes.byref(handle))
    if code != _SUCCESS:
        return [None, _words(pam, None, code)]
    no_delay = _Delay(lambda *_: None)
    pam.pam_set_item(handle, _FAIL_DELAY, ctypes.cast(no_delay, ctypes.c_void_p))
    try:
        code = pam.pam_authenticate(handle, _SILENT | _DISALLOW_NULL)
        if code == _SUCCESS:
            code = pam.pam_acct_mgmt(handle, _SILENT | _DISALLOW_NULL)
        if code == _SUCCESS:
            return [True, ""]
        return [False, ""] if code in _WRONG else [None, _words(pam, handle, code)]
    finally:
        pam.pam_end(handle, code)


def _answering(c: ctypes.CDLL, user: bytes, password: bytes) -> Callable[..., int]:
    """The conversation; PAM frees what it is given with free(3)."""

    def converse(count: int, messages: object, responses: object, _: object) -> int:
        if not 0 < count <= MAX_PROMPTS:
            return _CONV_ERR
        block = c.calloc(count, ctypes.sizeof(_Response))
        if not block:
            return _BUF_ERR
        answers = ctypes.cast(block, ctypes.POINTER(_Response))
        for at in range(count):
            style = messages[at].contents.style  # type: ignore[index]
            if style in (_ECHO_OFF, _ECHO_ON):
                answers[at].text = c.strdup(password if style == _ECHO_OFF else user)
        responses[0] = answers  # type: ignore[index]
        return _SUCCESS

    return converse


def _words(pam: ctypes.CDLL, handle: ctypes.c_void_p | None, code: int) -> str:
    text = pam.pam_strerror(handle, code)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else f"error {code}"


@cache
def _accounts() -> ctypes.CDLL:
    c = ctypes.CDLL(None)
    c.getpwnam_r.argtypes = [
        ctypes.c_char_p,
        ctypes.POINTER(_Passwd),
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_void_p),
    ]
    return c


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL] | None:
    try:
        pam, c = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
    except OSError:
        return None
    c.calloc.restype = c.strdup.restype = ctypes.c_void_p
    c.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    c.strdup.argtypes = [ctypes.c_char_p]
    pam.pam_strerror.restype = ctypes.c_char_p
    pam.pam_strerror.argtypes = [ctypes.c_void_p, ctypes.c_int]
    pam.pam_set_item.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    for name in ("pam_authenticate", "pam_acct_mgmt", "pam_end"):
        getattr(pam, name).argtypes = [ctypes.c_void_p, ctypes.c_int]
    return pam, c


_ANSWERS: dict[str, Callable[..., list[object] | None]] = {"user": _user, "check": _check}
