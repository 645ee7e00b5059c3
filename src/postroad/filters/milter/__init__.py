"""Milters: filters that are programs of their own and speak Sendmail's protocol for such."""
