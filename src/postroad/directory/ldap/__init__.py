"""Accounts in an LDAP directory."""
