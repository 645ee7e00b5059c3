"""One file, safe defaults: reading what an operator wrote, and saying what is wrong with it.

The components define their sections; this package composes them into a `Configuration`, derives
what was left out, and reports every mistake with its line and the nearest right spelling. It also
writes a first configuration and says which DNS records one asks for. It starts nothing.
"""

from postroad.config.configuration import Configuration
from postroad.config.loader import SEARCH_PATH, find, load
from postroad.config.mistake import ConfigurationError, Mistake

__all__ = [
    "SEARCH_PATH",
    "Configuration",
    "ConfigurationError",
    "Mistake",
    "find",
    "load",
]
