"""`gradtrace explain`: how each gradient of a program arises."""
