"""The directory that Postroad keeps by itself: a SQLite file, changed by the command line."""
