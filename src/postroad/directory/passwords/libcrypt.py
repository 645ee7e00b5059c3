"""The system's crypt(3), for the forms that no Python library has: yescrypt and its kin.

libxcrypt is on every Debian, Fedora and SUSE, other systems may lack it; then those forms are not
understood. `ctypes` lets other threads run during the call. The library is loaded when a stored
hash first asks for it.
"""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["crypt"]

_NAMES = ("libcrypt.so.1", "libcrypt.so.2")
_DATA_SIZE = 32_768  # octets of `struct crypt_data` (crypt.h)


def crypt(password: bytes, setting: bytes) -> bytes | None:
    """The hash of a password by the scheme, cost and salt of another hash.

    Args:
        password: without NUL.
        setting: a whole hash, or its beginning.

    Returns:
        The hash, or `None` if the system cannot compute it.
    """
    library = _library()
    if library is None:
        return None
    data = ctypes.create_string_buffer(_DATA_SIZE)
    found = library.crypt_rn(password, setting, data, _DATA_SIZE)
    return found if isinstance(found, bytes) and not found.startswith(b"*") else None


@cache
def _library() -> ctypes.CDLL | None:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
            function = library.crypt_rn
        except (OSError, AttributeError):
            continue  # not there, or glibc's own, which has no crypt_rn
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
        function.restype = ctypes.c_char_p
        return library
    return None
