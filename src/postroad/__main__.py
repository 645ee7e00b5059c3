"""`python -m postroad`: the same as the `postroad` program."""

from __future__ import annotations

from postroad.cli.main import main

if __name__ == "__main__":
    main()
