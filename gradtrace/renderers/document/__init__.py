"""The trace document, and the structs of which all JSON documents are made.

Each thing that a document holds is a struct, in a module named after the part: what the struct declares is what is
written, what `gradtrace schema` prints and what `docs/trace-document.md` lists. To add a key, add a field with its
meaning under `Attributes` and fill it in the function beside the struct. The documents of `check`,
`why` and `diff` are made of the same structs, so this package imports no other format.
"""
