"""Mail that belongs to other users than the server's is written by processes that are those users.

    server, as its own user        root                          each as one owner of mail
      worker 0 ──┐ number of a user
      worker 1 ──┴───────────────▶ broker ── forks, becomes ───▶ agent
      worker 0 ◀── tasks, contents, answers ───────────────────▶ agent

Theory of operation. A process that was started as root and becomes the server's user leaves one
other behind, the guard (`broker`). It does nothing but to start the broker when somebody asks for
an agent, and again if that dies. The broker reads nothing but two numbers and a socket, looks
whether that user may have mail, forks, and becomes that user in the child for good. The child is an
agent: it speaks with the worker at the other end of the socket (`wire`), and does in the mailbox
what a thread of the worker would do in one of the server's own (`errand`). Whatever it does, it
does as the owner of the mail: a link that the owner put in its way leads no further than the owner
can go. Root opens no file, follows no path and reads no message.

An agent also looks for what its owner has moved to the folder for junk and out of it
(`visit_wire`), and hands that over, so that the spam filter learns; what was there before is in a
file of the owner's own (`moves.notebook`).

A worker that was taken over can so have agents do what tasks can say: put messages into Maildirs
below the roots of `[mailbox]`, of users and groups that `[mailbox]` allows, and read what lies in
their folders for junk, or was moved out of these. All of that was fixed when the server was
started.

An agent lives as long as its worker holds the socket; it ends in the midst of whatever it does
when that is closed, so that a repeat by the worker's successor never meets it. What becomes of a
message then is what becomes of it when a worker dies: it is tried again, as a repeat, under the
same name.
"""
