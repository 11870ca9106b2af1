"""`gradtrace why`: how one gradient arises, or where it is cut off."""
