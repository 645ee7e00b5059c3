"""Accounts that a running Dovecot has."""
