"""The .gtrace file."""
