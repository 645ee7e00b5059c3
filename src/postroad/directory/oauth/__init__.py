"""Bearer tokens: whose they are, and whether they are good here."""
