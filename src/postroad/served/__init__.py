"""Sockets by which other mail servers use our accounts: Postfix and Dovecot, as they are.

While an operator moves over piece by piece, a real Postfix may log users in against our accounts
and ask us which addresses there are, and a real Dovecot may take its users from us. They speak
their own protocols; nothing in them has to be changed but the name of a socket.

Each protocol is a module that turns octets into questions and answers into octets, and a session
that puts the questions. Nothing is imported here: `checkpassword` is a program of its own that has
to start quickly.
"""
