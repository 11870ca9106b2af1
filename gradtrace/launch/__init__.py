"""The parent side: what to run, and how to run it faithfully."""
