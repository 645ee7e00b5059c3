"""Getting a stored message to where its recipients are.

A transport takes a `Delivery`, one message and some of its recipients, and gives a `Report` with
one outcome for each of them. Which transport, and what next hop, is the `Router`'s decision. The
package does not know of queues, retries or bounces: those belong to who asks for a delivery.
"""

from postroad.delivery.routing import LocalDomains, Route, Router
from postroad.delivery.transport import Delivery, Transport

__all__ = ["Delivery", "LocalDomains", "Route", "Router", "Transport"]
