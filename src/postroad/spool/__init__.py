"""The spool: messages on stable storage from acknowledgement to delivery.

A `Draft` becomes a message when its `commit` returns, and not before. From then on its recipients
are *claimed* by the queue, which settles each as done or to be tried again. When no recipient is
left, nothing of the message is. Whatever was claimed when the process died is due again at the
next open: a delivery may be repeated, a message is never lost. A message that is *held* is claimed
by nobody until an operator releases it.

`Shard` is the implementation over SQLite and files, one per worker; `Inventory` reads shards for
an operator. The package must not know what delivery is or when to try again.
"""

from postroad.model.durable import Disk, Durable, Operation
from postroad.spool.aside import Aside
from postroad.spool.ballast import Ballast
from postroad.spool.claim import Choice, Claim, Claimed, Done, Retry, Standing
from postroad.spool.draft import Draft
from postroad.spool.errors import ShardBusy, SpoolError
from postroad.spool.hastening import Hastened
from postroad.spool.holding import Sifted
from postroad.spool.inventory import Entry, EntryRecipient, Inventory, shard_directories
from postroad.spool.room import Room, Space, file_systems
from postroad.spool.settings import SpoolSettings
from postroad.spool.shard import Shard
from postroad.spool.window import Altered

__all__ = [
    "Altered",
    "Aside",
    "Ballast",
    "Choice",
    "Claim",
    "Claimed",
    "Disk",
    "Done",
    "Draft",
    "Durable",
    "Entry",
    "EntryRecipient",
    "Hastened",
    "Inventory",
    "Operation",
    "Retry",
    "Room",
    "Shard",
    "ShardBusy",
    "Sifted",
    "Space",
    "SpoolError",
    "SpoolSettings",
    "Standing",
    "file_systems",
    "shard_directories",
]
