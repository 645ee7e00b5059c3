"""Files of a directory, empty or as a guide has them."""

from __future__ import annotations

import pytest

from files_world import Files


@pytest.fixture
async def files(tmp_path):
    made = Files(tmp_path)
    yield made
    await made.backend.close()


@pytest.fixture
def guide(files: Files) -> Files:
    """The small-server guide's files."""
    users = files.write("users", "me:{PLAIN}summersun\nann:{PLAIN}winter\n")
    files.write(
        "virtual",
        "me@example.org me\ninfo@example.org me, ann@example.org\nann@example.org ann, me\n"
        "postmaster me\n@example.net me\n@example.com @example.org\n",
    )
    files.open(
        passwd=users,
        username_format="%Ln",
        virtual=(f"hash:{files.folder}/virtual",),
        aliases=(
            files.write("aliases", "root: me\nlist: me, ann\nowner-list: ann\nann: nobody\n"),
        ),
        local_domains=("mail.example.org",),
    )
    return files
