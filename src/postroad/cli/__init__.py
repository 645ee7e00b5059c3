"""The command line: words in, lines and an exit status out.

One module per command. What a command does is done by the packages below; here are its options,
its questions and its output. Commands import what they need when they run, so that `--help` and a
mistyped word answer at once.
"""
