"""What differs between two runs: which of their passes, leaves and nodes belong together, and where they part.

`runs.compare` is the entry. `sequences` aligns two sequences, `graphs` two passes, `numbers` says when two measurements
are alike, `happenings` compares what the programs did to `.grad` between passes. Lines may have moved between two
versions of a program: what belongs together is found by the text of a line, by module and op, never by its number.
"""
