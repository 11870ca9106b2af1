"""A layered layout of a graph in the plane; nothing in it knows what the boxes hold."""
