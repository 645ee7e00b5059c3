"""Mail that programs of this machine leave in a folder, for the server to pick up.

Whoever writes there needs no server, no login and no privilege: the owner of the file is who sent
it. The modules that the `sendmail` command loads (`addresses`, `drop`, `folder`, `slip`) import
next to nothing, as cron and web pages start it for each message; this one imports none of them.
"""
