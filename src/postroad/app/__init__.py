"""The composition root: builds the parts, joins them, and runs them as processes."""
