"""Moving from Postfix and Dovecot: their configuration read, and Postroad's written.

A reader for each old program puts what it finds into one `Plan`; `writing` makes the new folder of
it and `report` says what became of each setting. Nothing in this package changes a file of the old
installation. It knows the configuration of Postroad and nothing of how it is run.
"""
