"""The web page, in one file."""
