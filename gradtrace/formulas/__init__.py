"""What is known about torch's ops: their derivatives and their traits. Tables and pure functions over the model.

An op is added by two things: its entry in the catalogue (`catalogue`: words and a formula that a test holds to
autograd) and its row in `trait_rows` (what kind of op it is, held to torch's op database by a test). Everybody who
asks what an op is asks `traits.of(node)` or, for a call, `traits.called(name)`; no other room keeps a table of ops.
"""
