"""What users move into the folder for junk and out of it, as folders show it.

The package knows Maildirs, and what lay in them. It does not know who learns from a move, nor what
is thought of a message: `filters.moves` does. It runs in a worker where the mail is the server's
own, and in an agent where it has another owner.
"""
