"""Aggregate reports on DMARC (RFC 9990, RFC 7489 §7.2): to other domains, and from them."""
