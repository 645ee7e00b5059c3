"""Listeners and sessions: the protocol core joined to those who answer its questions."""
