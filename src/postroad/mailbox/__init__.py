"""Where the mail of an account lies, and how a message gets there for good.

The package knows files and names of accounts. It does not know the directory, the queue, or
which transport asks for a message to be stored.
"""

from postroad.mailbox.location import MaildirLocation, UnsafeName, Whereabouts
from postroad.mailbox.writer import MaildirWriter, Target

__all__ = [
    "MaildirLocation",
    "MaildirWriter",
    "Target",
    "UnsafeName",
    "Whereabouts",
]
