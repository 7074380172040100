"""persense: segment every object like the one you point at, in dense images."""

__version__ = "0.1.0"
