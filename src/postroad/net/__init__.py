"""Sockets, TLS and DNS: everything that touches the network, and nothing that knows SMTP."""
