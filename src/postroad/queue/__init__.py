"""Gets what the spool holds to the transports: what next, how much at once, when again.

`Planner` decides and is pure; `Runner` does what it decides; `notification` writes the message
that tells a sender what became of its mail.
"""

from postroad.queue.runner import Runner
from postroad.queue.settings import QueueSettings

__all__ = ["QueueSettings", "Runner"]
