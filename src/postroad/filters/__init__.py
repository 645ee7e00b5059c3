"""Filters: who may refuse, change or sort a message for what it is, one room for each kind."""
