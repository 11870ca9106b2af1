"""A layered layout of boxes and arrows in the plane; nothing in it knows what the boxes hold, or imports ours.

`layout` is the entry. Layers are chosen in `layers`, the order inside a layer in `order`, positions in `columns`, and
the ways of the arrows in `routes`.
"""
