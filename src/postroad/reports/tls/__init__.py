"""Reports about TLS (RFC 8460): what is counted, made, sent, received and told to operators."""
