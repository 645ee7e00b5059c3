"""What an operator does to a running server, or to its files when none runs."""

from postroad.admin.control import ControlServer, ask
from postroad.admin.queue import QueueControl, delete, flush

__all__ = ["ControlServer", "QueueControl", "ask", "delete", "flush"]
