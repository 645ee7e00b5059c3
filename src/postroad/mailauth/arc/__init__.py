"""ARC (RFC 8617): what servers on the way have verified, and who of them is believed."""
