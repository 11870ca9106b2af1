"""Rules that look for problems."""
