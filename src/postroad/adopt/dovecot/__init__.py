"""An existing Dovecot: its configuration read, and what becomes of it."""
