"""What an op's derivative is."""
