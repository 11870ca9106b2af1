"""The steps of a pass in words and numbers: what each op made of the gradient, and a small graph drawn as a tree.

`drawing` nests the ops of a small pass; `step` says what one op did, in numbers where its operands (`operands`) are
known; `words` and `losses` say it in words. `arrays` computes with the few numbers that were recorded.
"""
