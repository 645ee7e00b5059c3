"""Stored passwords: their schemes, how one is checked, and what that costs."""
