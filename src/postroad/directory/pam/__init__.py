"""Users of the system, whose passwords PAM checks."""
