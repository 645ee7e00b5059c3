"""What a server loads at its start: nothing slow that it may never need."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    # What is loaded when it is needed, by whom: each costs from 3 to 100 ms, in every command.
    "bcrypt",  # a stored hash of that scheme
    "cryptography.x509",  # a certificate
    "ctypes",  # a stored hash that only the system's crypt(3) knows
    "httpx2",  # `[oauth]`
    "joserfc",  # `[oauth]`
    "passlib",  # a stored hash of an old scheme
)


def test_what_may_never_be_needed_is_loaded_later() -> None:
    program = f"import sys, postroad.app.serve; print([m for m in {LATER} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
