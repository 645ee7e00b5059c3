"""Accounts in a relational database, by the operator's own queries."""
