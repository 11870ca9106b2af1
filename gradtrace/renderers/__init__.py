"""From a trace to text or bytes.

Each way to show a trace is a package: `explain`, `why`, `tree`, `picture` (Graphviz, SVG, PNG, PDF, Mermaid), `page`,
`findings`, `diff`, `reference` (pages about formulas and rules). They do not import each other: what several say or
need alike is in `gradtrace.text`, and the structs of JSON documents are in `document`. A new format is a package or a
module with `Options` and `render(trace, options)`, and a row in `registry`, which loads it when it is first used;
completion, help and the tests of hostile text read that row.
"""
