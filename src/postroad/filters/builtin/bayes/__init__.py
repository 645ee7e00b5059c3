"""The classifier that learns from mail: words, their numbers on disk, and what they add up to."""
