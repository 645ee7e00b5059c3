"""Whether a client may send for a domain (RFC 7208)."""
