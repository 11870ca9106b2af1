"""`gradtrace diff`: what differs between two runs.

`report` writes it for people (text, Markdown), `document` for programs (JSON); `words` puts one difference into a
sentence, `counts` says in a line each how much differs.
"""
