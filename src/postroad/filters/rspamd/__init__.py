"""Rspamd, asked over HTTP."""
