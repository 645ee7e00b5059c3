"""DMARC (RFC 7489 and RFC 9989): whether a message is from whom it says, and what to do if not."""
