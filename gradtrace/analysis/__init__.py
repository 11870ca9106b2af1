"""Pure functions over the model: a graph, a pass or a trace in, numbers or a smaller description out.

What belongs here answers a question about what was recorded, in a form that several renderers or rules need: in which
order the program ran (`topology`), what adds up where (`fan_in`), what to show and what to fold (`simplify` makes a
`view`), the history of every `.grad` (`ledger`). Nothing here formats text for a reader, opens a file or imports more
than `model`, `errors` and the standard library. To add one, write a file named after the answer; walk graphs
without recursion, for they are a million nodes deep, and in time linear in their size.
"""
