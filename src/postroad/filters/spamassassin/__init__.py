"""SpamAssassin, asked by the protocol of its daemon."""
