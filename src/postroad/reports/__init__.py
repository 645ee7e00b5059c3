"""Daily reports about TLS and DMARC: counted, made, sent, received and told to operators."""
