"""From a trace to text or bytes."""
