"""What clients may do how often: counters that hold across workers, bans, and who is guessing."""
