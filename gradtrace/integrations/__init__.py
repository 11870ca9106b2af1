"""Hosts other than the command line."""
