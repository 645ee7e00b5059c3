"""An existing Postfix: its configuration, tables and queue read, and what becomes of them."""
