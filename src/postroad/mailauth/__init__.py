"""Whether mail is what it says it is: DKIM, SPF, DMARC, ARC, and the field that tells of it."""
