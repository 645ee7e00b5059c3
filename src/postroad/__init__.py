"""Postroad: a complete mail server whose heart is an authenticated SMTP relay."""

__version__ = "0.1.0"
