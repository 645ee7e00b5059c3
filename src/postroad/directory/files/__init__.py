"""Accounts and aliases in text files, as Dovecot and Postfix have them."""
