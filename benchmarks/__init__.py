"""How fast it is: against its peers, in ratios.

    make bench                       everything; an hour
    python -m benchmarks             what there is
    python -m benchmarks commands    one topic
    python -m benchmarks --page      write docs/performance.md from what was measured

A machine's absolute figures say little, least of all a shared one's. So each topic lets its contestants run in turn,
round by round, on the same servers and data, and tells medians and their ratios. What was measured is kept in
`benchmarks/results/`, one file for each table.

Each topic is a module of `benchmarks.topics` with a function `measure(rounds: int, keep: Callable[[Table], None])`.
"""
