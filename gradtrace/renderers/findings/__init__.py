"""What `gradtrace check` says, in its formats."""
