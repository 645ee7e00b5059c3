"""What an operator does to a running server, or to its files when none runs."""
