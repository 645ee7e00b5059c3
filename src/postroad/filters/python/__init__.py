"""Programs of the operator's, in Python, that are asked about mail.

`postroad.filter` is what those programs see of it; nothing else in here is promised to them.
"""
