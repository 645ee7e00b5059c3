"""ClamAV, asked by the protocol of its daemon."""
