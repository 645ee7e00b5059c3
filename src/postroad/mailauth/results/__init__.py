"""The field that tells what verification found: Authentication-Results (RFC 8601)."""
