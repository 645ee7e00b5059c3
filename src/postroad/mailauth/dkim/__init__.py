"""Signatures of domains (RFC 6376): written, verified, and the keys for them."""
