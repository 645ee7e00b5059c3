"""What users say of mail by moving it: into the folder for junk, and out of it.

The room knows Maildirs, and whom to tell what was learned. It does not know the directory, nor who
delivers, nor how anything is learned.
"""
