"""The filter that needs nothing else installed: rules, and a classifier that learns."""
